"""One CRM a file: its API and its events, as its vendor documents them."""

from local.crm.dialects import bitrix24, copper, hubspot, keycrm, kommo, monday, pipedrive

CRMS = {one.CRM.name: one.CRM for one in (bitrix24, hubspot, keycrm, copper, kommo, pipedrive, monday)}
