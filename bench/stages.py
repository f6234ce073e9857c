"""The stages of a warm webhook, in their order, and what each buys: the lines of a table of docs/performance.md."""

API, DELIVER = "the rest of `api`", "the rest of `deliver`"
RESOLVE, LOG, METRICS = "Powertools' resolver", "log lines", "metrics"
PROOF, BODY, MAP, PHONES, MERGE = "the sender's proof", "the body", "the mapping", "phone numbers", "the merge"
ROWS, SIGN, SEND, CALL = "rows of the table", "signatures of AWS's calls", "AWS's calls, sent and read", "AWS's JSON"
COMPOSE, POST, JUDGE = "the body of the POST", "the POST", "the judgement"

BUYS = {
    RESOLVE: "the route, the methods and the answer in API Gateway's form",
    PROOF: "no one but the CRM can write; proofs never reach a queue",
    BODY: "any encoding that a CRM sends, and no body that only looks like JSON",
    MAP: "a CRM is a file and not a program; a reason for every record left out",
    PHONES: "the one form in which Ringostat finds a caller (the first time a number is seen)",
    MERGE: "duplicates, late and partial events change nothing that is newer",
    ROWS: "conditional writes: nothing unread is overwritten, nothing of a newer version is lost",
    CALL: "the parameters and the answers of AWS's calls",
    SIGN: "AWS takes the calls",
    SEND: "the state is durable before the answer, and no card is delivered twice at once",
    API: "a verdict for each record, the wake-up, whether the connection is silent",
    COMPOSE: "every key of Ringostat's contract, checked and hashed",
    POST: "Ringostat has the card; the deadline holds whatever the other side does",
    JUDGE: "what the answer means: confirmed, ambiguous, refused",
    DELIVER: "the lease, the throttle of the project, what to do after each kind of answer",
    LOG: "one line for an event and one for a POST, without personal data",
    METRICS: "every record and card is counted",
}
