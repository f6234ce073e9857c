"""Bodies: what is read, and each way in which one can be wrong."""

import tracemalloc

import pytest

from errors import BadBody, TooLarge, UnsupportedBody
from mapping.decode import decode

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
XML = "text/xml; charset=UTF-8"
MULTIPART = 'multipart/form-data; boundary="x"'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"name": "\xd0\x9e\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xb0"}', JSON),
        (b'\xef\xbb\xbf{"name": "\xd0\x9e\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xb0"}', JSON),
        ('{"name": "Олена"}'.encode("cp1251"), JSON),
        ('{"name": "Олена"}'.encode("cp1251"), "application/json; charset=windows-1251"),
        ('{"name": "Олена"}'.encode("koi8-u"), 'application/json; charset="KOI8-U"'),
        ('{"name": "Олена"}'.encode("utf-16"), JSON),
        ('{"name": "Олена"}'.encode("utf-16-le"), "application/json; charset=utf-16le"),
        ('{"name": "Олена"}'.encode(), "application/vnd.crm+json"),
        ('{"name": "Олена"}'.encode(), "Text/JSON"),
        ('  {"name": "Олена"}\n'.encode(), "text/plain"),
        ('{"name": "Олена"}'.encode(), ""),
        ('{"name": "Олена"}'.encode(), FORM),  # curl -d
        ("name=Олена".encode(), FORM),
        (b"name=%D0%9E%D0%BB%D0%B5%D0%BD%D0%B0", FORM),
        (b"name=%CE%EB%E5%ED%E0", FORM),  # Windows-1251
        (b"name=%D0%9E%D0%BB%D0%B5%D0%BD%D0%B0", ""),
        (b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + "Олена".encode() + b"\r\n--x--", MULTIPART),
        ('{"name": "Олена"}'.encode("utf-32"), JSON),
        ('{"name": "Олена"}'.encode("utf-16"), "application/json; charset=utf-8"),
        ("name=Олена".encode("utf-16"), FORM),
        ("<name>Олена</name>".encode(), XML),
        ("<name>Олена</name>".encode(), "application/soap+xml"),
        ("<c:name xmlns:c='urn:c'>Олена</c:name>".encode(), XML),
        ('<?xml version="1.0" encoding="windows-1251"?><name>Олена</name>'.encode("cp1251"), "text/xml"),
        ('<?xml version="1.0" encoding="koi8-u"?><name>Олена</name>'.encode("koi8-u"), "text/xml"),
    ],
)
def test_every_format_and_charset_gives_the_same_data(body, content_type):
    assert decode(body, content_type) == {"name": "Олена"}


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"", JSON, BadBody),
        (b"  \n", JSON, BadBody),
        (b"{", JSON, BadBody),
        (b"{'a': 1}", JSON, BadBody),
        (b"name=Olena", JSON, BadBody),
        (b'{"a": NaN}', JSON, BadBody),
        (b'{"a": -Infinity}', JSON, BadBody),
        (b'{"a": 1e999}', JSON, BadBody),
        (b'{"a": ' + b"9" * 5000 + b"}", JSON, BadBody),
        (b'{"a": 1, "a": 2}', JSON, BadBody),
        (b"[" * 100_000, JSON, BadBody),
        (b"[" * 33 + b"]" * 33, JSON, BadBody),
        (b'{"a":' * 33 + b"1" + b"}" * 33, JSON, BadBody),
        (b'{"a": "\x98"}', JSON, BadBody),  # neither UTF-8 nor Windows-1251
        (b'{"a": "\xff"}', "application/json; charset=utf-8", BadBody),
        (b"[]" * 262_145, JSON, TooLarge),
        (b"a=1&a[b]=2", FORM, BadBody),
        (b"a[b]=2&a=1", FORM, BadBody),
        (b"a" + b"[b]" * 16 + b"=1", FORM, BadBody),
        (b"&".join([b"a=1"] * 5001), FORM, TooLarge),
        (b"<a>", XML, BadBody),
        (b"<a></b>", XML, BadBody),
        (b"<a>" * 65 + b"</a>" * 65, XML, BadBody),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", XML, BadBody),
        (b"<!DOCTYPE a SYSTEM 'https://example.com/a.dtd'><a/>", XML, BadBody),
        ("<!DOCTYPE a><a/>".encode("utf-16"), "text/xml", BadBody),
        (b"<a>&b;</a>", XML, BadBody),
        (b"hello", "text/plain", UnsupportedBody),
        (b"--x\r\n", "multipart/form-data; boundary=x", BadBody),
        (b"--x--\r\n", "multipart/form-data", UnsupportedBody),
        (b"--x--\r\n", "multipart/mixed; boundary=x", UnsupportedBody),
        (b"--x\r\n\r\nOlena\r\n--x--", "multipart/form-data; boundary=x", BadBody),
        (b"\x1f\x8b\x08\x00", JSON, UnsupportedBody),
        (b"\x89PNG", "image/png", UnsupportedBody),
        (b'{"a": 1}', "application/json; charset=klingon", UnsupportedBody),
        (b"7b7d", "application/json; charset=hex", UnsupportedBody),
        (b'{"a": 1}', "application/json; charset=unicode_escape", UnsupportedBody),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else None,
)
def test_a_body_that_cannot_be_read_is_not_accepted(body, content_type, error):
    with pytest.raises(error):
        decode(body, content_type)


def test_no_error_quotes_the_body():
    for body in (b'{"a": Olena}', b'{"Olena": 1, "Olena": 2}', b'{"Olena"'):
        with pytest.raises(BadBody) as error:
            decode(body, JSON)
        assert "Olena" not in str(error.value)


def test_32_levels_are_read_and_brackets_in_strings_do_not_count():
    assert decode(b"[" * 32 + b"]" * 32, JSON)
    assert decode(b'["' + b"[{" * 100 + b'\\"[", "\\\\"]', JSON)


def test_the_scan_of_brackets_takes_time_in_proportion_to_the_body():
    """An unclosed string full of escaped quotes would make a naive pattern quadratic: seconds instead of ms."""
    with pytest.raises(BadBody):
        decode(b"[" * 40 + b'"' + b'\\"' * 200_000, JSON)


def test_half_a_surrogate_pair_is_accepted():
    assert decode(b'{"name": "Olena \\ud83d"}', JSON) == {"name": "Olena \ud83d"}


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("a[b][c]=1", {"a": {"b": {"c": "1"}}}),
        ("a%5Bb%5D%5Bc%5D=1", {"a": {"b": {"c": "1"}}}),
        ("a[0]=x&a[1]=y", {"a": ["x", "y"]}),
        ("a[1]=y&a[0]=x", {"a": ["x", "y"]}),
        ("a[0]=x&a[2]=y", {"a": {"0": "x", "2": "y"}}),
        ("a[]=x&a[]=y", {"a": ["x", "y"]}),
        ("a[5]=x&a[]=y", {"a": {"5": "x", "6": "y"}}),
        ("a[][b]=x&a[][b]=y", {"a": [{"b": "x"}, {"b": "y"}]}),
        ("a=x&a=y&a=z", {"a": ["x", "y", "z"]}),
        ("a[35144366][ID]=35144366", {"a": {"35144366": {"ID": "35144366"}}}),
        ("a=1+2%2B3&&b", {"a": "1 2+3", "b": ""}),
        ("a[b=1&[c]=2&d]=3&e[f]g=4", {"a[b": "1", "[c]": "2", "d]": "3", "e[f]g": "4"}),
        ("0=a&1=b", {"0": "a", "1": "b"}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_brackets_are_read_as_php_does(form, data):
    assert decode(form.encode(), FORM) == data


def test_a_huge_index_allocates_nothing():
    body = b"&".join(b"a[%d][b]=1" % (10**9 + at) for at in range(50))
    decode(body, FORM)  # imports

    tracemalloc.start()
    data = decode(body, FORM)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(data["a"]) == 50
    assert peak < 100_000


def test_xml_has_attributes_text_and_lists():
    body = b"""<?xml version="1.0"?><s:Envelope xmlns:s="urn:s" xmlns:xsi="urn:xsi"><s:Body id="7">
        <Phone kind="mobile">067</Phone><Phone>044</Phone><Phone/>
        <Session xsi:nil="true"/><Empty></Empty><Nested> <Id>1</Id> </Nested></s:Body></s:Envelope>"""

    assert decode(body, XML) == {
        "Envelope": {
            "Body": {
                "@id": "7",
                "Phone": [{"@kind": "mobile", "#text": "067"}, "044", None],
                "Session": None,
                "Empty": None,
                "Nested": {"Id": "1"},
            }
        }
    }


def part(headers, content):
    return b"--x\r\n" + headers + b"\r\n\r\n" + content + b"\r\n"


def test_of_a_multipart_form_the_texts_are_read_and_files_are_ignored():
    body = b"".join(
        [
            part(b'Content-Disposition: form-data; name="contact[name]"', "Олена\r\nКоваль".encode()),
            part(
                b"content-disposition:form-data;name=phone\r\nContent-Type: text/plain; charset=windows-1251",
                "тел".encode("cp1251"),
            ),
            part(b'Content-Disposition: form-data; name="photo"; filename="me.png"', b"\x89PNG\xff"),
            part('Content-Disposition: form-data; name="імʼя"'.encode(), b""),
            b"--x--",
        ]
    )

    assert decode(body, MULTIPART) == {"contact": {"name": "Олена\r\nКоваль"}, "phone": "тел", "імʼя": ""}


def test_a_multipart_form_may_have_as_many_fields_as_any_form():
    field = part(b'Content-Disposition: form-data; name="a"', b"1")

    assert len(decode(field * 5000 + b"--x--", MULTIPART)["a"]) == 5000
    with pytest.raises(TooLarge):
        decode(field * 5001 + b"--x--", MULTIPART)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", " GZIP "])
def test_a_compressed_body_is_not_accepted_and_answered_with_the_reason(encoding):
    with pytest.raises(UnsupportedBody, match="compressed"):
        decode(b'{"name": 1}', JSON, encoding)
    assert decode(b'{"name": 1}', JSON, "identity") == {"name": 1}


def test_a_form_that_was_flattened_into_json_is_read_as_that_form():
    flat = b'{"account[id]": 7, "contacts[add][0][id]": "1", "contacts[add][0][name]": null, "plain": [1]}'

    assert decode(flat, JSON) == {"account": {"id": 7}, "contacts": {"add": [{"id": "1", "name": None}]}, "plain": [1]}
