"""What is real and what only looks real, as SQL conditions over the store's own columns.

The store writes stand-ins in sandbox and test runs. A stand-in order is left out of every count; a
stand-in supplier id on a real order is a missing id, and `manual` is neither an id nor a stand-in.
The conditions are fragments that the probes' statements are built from; the values that are lists
or patterns are bound (`RULES`).

Each is one CASE: it is read in order, the cheap conditions first, and the planner takes it for a
coin toss. Of a row of conditions it would expect next to nothing to be left, and then join
hundreds of thousands of rows as if they were one.

What a row of the window is joined to is looked up by its key, in a LATERAL subquery that OFFSET 0
keeps apart: the planner would rather join, by a scan of all the orders or sales there ever were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.acceptance.support.masking import MASK

_STRING, _FOLDED = "\x01", "\x02"
_VALUE = f"[{_STRING}{_FOLDED}]"
_PAIR = f"{_STRING}:{_VALUE}"
_OBJECT = rf"\{{(?:{_PAIR}(?:,{_PAIR})*)?\}}"
_ARRAY = rf"\[(?:{_VALUE}(?:,{_VALUE})*)?\]"

_BLANK = " \t\n\v\f\r\x85\xa0\xad\u200b\u200c\u200d\u200e\u200f\u2060\u3000\ufeff"

# JavaScript writes a value that isn't there as one of these words.
_NOTHING = r"(^|[:#_ -])(undefined|null|nan|none|\[object)"

RULES: Mapping[str, object] = {
    # What is invisible around an id is no part of it; `btrim` by itself knows one space alone. The
    # set is read for every row, so it has what people and programs paste, and not all of Unicode.
    "blank": _BLANK,
    # Every listed stand-in (SIMULATED_ORDER_ID, TEST_SIMULATED, REAL_PAYOUT_TEST,
    # FINAL_PAYOUT_TEST) contains one of these words.
    # 16 digits today, 14 and 15 earlier: "0", "ERROR 503" and "TEST_SIMULATED" are no ids. The
    # supplier answers with a JSON number, which can't begin with a zero.
    "supplier_number": "^[1-9][0-9]{9,}$",
    # The store's own test tools write these into "paypalOrderId"; its own filter of real orders
    # leaves them out.
    "stand_in_orders": f"^[{_BLANK}]*(TEST|DEMO|MOCK|SIM_|ORD-TEST|REAL_TEST_|test-full-cycle:)",
    "stand_in_prefixes": ["test", "mock", "demo"],
    # The store's own words for an order that was bought outside of it.
    "bought_outside": ["manual", "ebay-fulfilled"],
    "manually_cancelled": "MANUALLY_CANCELLED_MARKETPLACE_SIDE",
    # A status is a code; what a person wrote in its place may name anyone.
    "code": "^[A-Za-z_-]{1,40} {0,5}$",
    "before_payment": ["CREATED", "SIMULATED"],
    "past_payment": [
        "PAID",
        "PURCHASING",
        "PURCHASED",
        "FAILED",
        "MANUAL_ACTION_REQUIRED",
        "FULFILLMENT_BLOCKED",
        "NEEDS_MANUAL_INTERVENTION",
    ],
    "under_way": [
        "PENDING",
        "PROCESSING",
        "SHIPPED",
        "PAYOUT_FAILED",
        "PAYOUT_SKIPPED_INSUFFICIENT_FUNDS",
    ],
    "completed": ["DELIVERED", "COMPLETED"],
    "fallen_through": ["CANCELLED", "RETURNED", "REFUNDED"],
    # eBay 12-34567-89012, Amazon 123-1234567-1234567, and plain numbers with a short prefix.
    "marketplace_number": "^#?[A-Z]{0,4}[-_#]?[0-9][0-9!_-]{4,}$",
    # Nearly all of them have nothing to be left out but their marketplace's name.
    "plain_trade": "^([a-z]+:)?[0-9][!-~]*$|^[0-9A-Z]{5,}[A-Z][0-9A-Z]*$",
    "number_prefix": "^#?[a-z]{0,4}[-_#]?(?=[0-9][0-9!_-]{4,}$)",
    # What an order was paid by: a number with a marketplace's name before it, or PayPal's letters
    # and digits.
    "payment": "[0-9]|[0-9A-Z]{13,}",
    "no_payment": _NOTHING,
    # A payout is known by PayPal's capital letters and digits, or by what Payoneer calls it.
    "batch_number": "^[0-9A-Z]+$",
    "payout": "^[^ ]*[0-9][^ ]*$|payoneer",
    "no_payout": f"{_NOTHING}|simulat|test",
    "no_minor_unit": ["CLP", "IDR", "JPY", "KRW", "VND"],
    "notes_space": " \t\n\r",
    # Notes that exclude contain this name, apart from white space, or spell it with
    # escapes (of ASCII letters, \u0041 to \u007a): few rows are read beyond this.
    "notes_name": "truthFlags",
    "notes_escape": r"\u00",
    "notes_flags": [
        '%"excludedFromCommercialProof":true%',
        '%"manuallyCancelledMarketplaceSide":true%',
        '%"commercialProofEligible":false%',
        *(rf"%\\u00{digit}%" for digit in "4567"),
    ],
    "notes_control": "[\x01-\x08\x0b\x0c\x0e-\x1f]",
    "notes_string": '"(?:[^"\\\\\t\n\r]|\\\\["\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4})*"',
    "notes_scalar": r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null",
    "notes_container": f"{_OBJECT}|{_ARRAY}",
    "notes_unreadable": r"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})",
}
"""The bound values of the fragments, by parameter name."""


def trimmed(column: str) -> str:
    """Return the expression for an id without what is invisible around it.

    Nearly all ids are ASCII and begin and end visibly, and are taken as they are: `btrim` with a
    set of characters costs more than all the rest of a scan.
    """
    return (
        f"(CASE WHEN octet_length({column}) = char_length({column}) AND ascii({column}) > 32 "
        f"AND ascii(substr({column}, octet_length({column}))) > 32 THEN {column} "
        f"ELSE btrim({column}, :blank) END)"
    )


def trade_number(column: str) -> str:
    """Return the expression for the one way to write what an order or a sale has of a trade.

    `ebay:12-34567-89012`, `EB-12-34567-89012` and `# 12-34567-89012` are one number of a
    marketplace: no white space is part of it, nor a name or letters before it. What isn't a number,
    such as a checkout at PayPal, is kept whole, in lower case.
    """
    named = f"lower(substr({column}, strpos({column}, ':') + 1))"
    return (
        f"(CASE WHEN {column} ~ :plain_trade THEN {named} "
        f"ELSE regexp_replace(translate({named}, :blank, ''), :number_prefix, '') END)"
    )


def looked_for(column: str, step: str) -> str:
    """Return the step that has the different ids of a step, and a sieve for those of a table.

    The ids are one array since a step's rows are read by one process alone. The sieve has at least
    sixteen bits for each id, and those of their hashes are set (a Bloom filter): at most one in
    sixteen of the other ids passes it. To look at a bit costs a fraction of a search in a large
    hash table, which is in no processor's cache.
    """
    return f"""AS MATERIALIZED (
  SELECT ids, shortest, mask, (
    SELECT string_agg(int4send(COALESCE(bits, 0)), '' ORDER BY word)
    FROM generate_series(0, mask >> 5) AS word LEFT JOIN (
      -- An integer's highest byte is sent first, and bits are counted from the lowest.
      SELECT bit >> 5 AS word, bit_or(1 << (bit & 31 # 24)) AS bits
      FROM (SELECT hashtext(id) & mask AS bit FROM unnest(ids) AS id) AS hashed GROUP BY bit >> 5
    ) AS found USING (word)
  ) AS sieve
  FROM (
    SELECT array_agg(id) AS ids, min(octet_length(id)) AS shortest,
           (16 << CAST(ceil(log(2, GREATEST(count(*), 1))) AS integer)) - 1 AS mask
    FROM (SELECT DISTINCT {column} AS id FROM {step}) AS one_of_each
  ) AS all_of_them
)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """How a scan of a whole table compares the ids of a column with those of a `looked_for` step.

    What is done to each of so many ids counts. One as long as the shortest that is looked for has
    nothing invisible around it, or isn't looked for; nearly all of one kind are of one length.

    Attributes:
        bare: the expression for the id, without what is invisible around it.
        possible: the condition that it may be looked for.
        ids: a SELECT of the ids that are looked for.
    """

    bare: str
    possible: str
    ids: str


def carried(column: str, step: str) -> Carried:
    """Return how the ids of a column are compared with those of a step."""
    bare = (
        f"(CASE WHEN octet_length({column}) = (SELECT shortest FROM {step}) THEN {column} "
        f"ELSE {trimmed(column)} END)"
    )
    return Carried(
        bare=bare,
        possible=(
            f"get_bit((SELECT sieve FROM {step}), hashtext({bare}) & (SELECT mask FROM {step})) = 1"
        ),
        ids=f"unnest((SELECT ids FROM {step}))",
    )


def _begins_otherwise(column: str, letters: str) -> str:
    """Return the condition that a text visibly begins with none of some letters, in any case.

    It spares nearly all rows a search that costs much more. True proves it; what isn't ASCII, and
    may be white space or fold into a letter, is searched.
    """
    either = "".join(sorted(letters.upper() + letters.lower()))
    first = f"ascii({column})"
    return f"{first} BETWEEN 33 AND 126 AND strpos('{either}', chr({first})) = 0"


def stand_in_id(column: str) -> str:
    """Return the condition that the order id of a sale is a stand-in (false for NULL).

    An order's own id carries no marker: it is a cuid.
    """
    return (
        f"(CASE WHEN {_begins_otherwise(column, 'tmd')} THEN false "
        f"WHEN lower(left({trimmed(column)}, 4)) = ANY(:stand_in_prefixes) THEN true "
        "ELSE false END)"
    )


def supplier_id(order: str) -> str:
    """Return the expression for an order's real AliExpress id, NULL if it has none.

    Supplier ids are long numbers: any other text, such as "N/A" or "0000000000", is not an id.
    """
    column = f'{order}."aliexpressOrderId"'
    bare = f"btrim({column}, :blank)"
    return (
        f"(CASE WHEN {column} ~ :supplier_number THEN {column} "
        f"WHEN {bare} ~ :supplier_number THEN {bare} END)"
    )


def payout_id(column: str) -> str:
    """Return the expression for the id of a payout, NULL if a text can't be one.

    "N/A", "undefined" and a note such as "paid by hand 3 May" are no ids.
    """
    bare = trimmed(column)
    return (
        f"(CASE WHEN octet_length({column}) > 12 AND {column} ~ :batch_number THEN {column} "
        f"WHEN {bare} ~* :payout AND {bare} !~* :no_payout THEN {bare} END)"
    )


def other_supplier(order: str) -> str:
    """Return the condition that an order belongs to a supplier other than AliExpress."""
    column = f"{order}.supplier"
    return (
        f"(CASE WHEN {column} IS NULL OR {column} = 'aliexpress' "
        f"OR lower({trimmed(column)}) IN ('', 'aliexpress') THEN false ELSE true END)"
    )


def bought_outside(order: str) -> str:
    """Return the condition that an order was bought outside of the store, by the store's words."""
    column = f'{order}."aliexpressOrderId"'
    return (
        f"(CASE WHEN {_begins_otherwise(column, 'me')} THEN false "
        f"WHEN lower({trimmed(column)}) = ANY(:bought_outside) THEN true ELSE false END)"
    )


def shown_status(column: str) -> str:
    """Return a status that isn't known as it may be shown: without words, and without digits."""
    return (
        f"CASE WHEN {column} IS NULL THEN 'NULL' WHEN {column} ~ :code THEN {column} "
        f"ELSE '{MASK}' END"
    )


def by_hand(order: str) -> str:
    """Return the condition that an order was bought by hand."""
    return (
        f'({order}."manualPurchaseDate" IS NOT NULL OR {order}."manualFulfillmentRequired" IS TRUE '
        f"OR {bought_outside(order)})"
    )


def stand_in_order(order: str) -> str:
    """Return the condition that an order is a stand-in or excluded from commercial proof.

    The order's notes are any text, and a cast to JSON would fail the statement on text that only
    begins like JSON. PostgreSQL before 16 can't check first, so the text is proved to be JSON: its
    strings become one mark and its scalars another, white space goes, then containers without
    containers in them fold into the second mark, again and again; what is JSON ends as that single
    mark. Only then is it cast, to `json` (`jsonb` would convert numbers, however huge), without the
    escapes that `->` can't decode (NUL and surrogates). Text nested deeper than 64 levels counts as
    free text.

    A regular expression costs a row of long notes more than all the rest, so the notes are searched
    for plain words first.
    """
    notes, trade = f'{order}."fulfillmentNotes"', f'{order}."paypalOrderId"'
    readable = (
        f"regexp_replace(regexp_replace({notes}, '\\\\\\\\', '/', 'g'), "
        ":notes_unreadable, '?', 'g')"
    )
    return f"""(
      CASE
        WHEN {order}.status = 'SIMULATED' OR {order}."failureReason" = :manually_cancelled THEN true
        WHEN NOT ({_begins_otherwise(trade, "tdmsor")}) AND {trade} ~* :stand_in_orders THEN true
        WHEN {notes} IS NULL
          OR strpos({notes}, :notes_name) = 0 AND strpos({notes}, :notes_escape) = 0 THEN false
        WHEN translate({notes}, :notes_space, '') NOT LIKE ALL(:notes_flags)
          OR left(ltrim({notes}, :notes_space), 1) <> '{{' OR {notes} ~ :notes_control THEN false
        WHEN (
          WITH RECURSIVE fold(rest, depth) AS (
            SELECT translate(regexp_replace(regexp_replace({notes}, :notes_string, chr(1), 'g'),
              :notes_scalar, chr(2), 'g'), :notes_space, ''), 0
            UNION ALL
            SELECT regexp_replace(rest, :notes_container, chr(2), 'g'), depth + 1
            FROM fold WHERE depth < 64 AND rest ~ :notes_container
          )
          SELECT rest = chr(2) FROM fold ORDER BY depth DESC LIMIT 1
        ) THEN COALESCE((
          SELECT (flags -> 'excludedFromCommercialProof')::text = 'true'
            OR (flags -> 'manuallyCancelledMarketplaceSide')::text = 'true'
            OR (flags -> 'commercialProofEligible')::text = 'false'
          FROM (SELECT CAST({readable} AS json) -> 'truthFlags' AS flags) AS read
        ), false)
        ELSE false
      END)"""


def real_sales(columns: str) -> str:
    """Return a SELECT over the window's real sales (`s`) of the target's environment.

    Args:
        columns: what it selects, from `s`, and `o.id`, NULL if there is no order.
    """
    return f"""
      SELECT {columns}
      FROM sales s LEFT JOIN LATERAL (
        SELECT o.id, {stand_in_order("o")} AS stand_in
        FROM orders o WHERE o.id = {trimmed('s."orderId"')} OFFSET 0
      ) AS o ON true
      WHERE s."createdAt" >= :since AND s.environment = :environment
        AND NOT {stand_in_id('s."orderId"')} AND o.stand_in IS NOT TRUE"""
