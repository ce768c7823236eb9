"""What the columns of a file may be, which of them a header's words mean, and whether a mapping can be worked with.

Law: a guess never maps two columns to what may be there once, and a mapping that passes the check names its key.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from callcenter.crm.custom_fields import CustomField
from callcenter.domain.customers import Channel
from callcenter.domain.errors import InvalidValue

CUSTOM = "custom."
CONSENT = "consent."
SEVERAL = frozenset({"tags", "phone", "email", "web", "social"})
"""Columns that may be there more than once: what they hold is put together."""
CUSTOMER_KEYS = ("external_id", "customer_number", "phone", "email")
"""By what a customer is recognised, the surest first."""
LONGEST_SOURCE = 50


class RecordKind(StrEnum):
    """What a file holds."""

    CUSTOMERS = "customers"
    ORDERS = "orders"


_CUSTOMER_WORDS: Mapping[str, str] = {
    "customer_number": "customer number,customer no,client number,account number,"
    "客户号,客户编号,客户号码,会员号,账号,卡号",
    "external_id": "external id,id,crm id,reference,系统编号,外部编号,编号,原系统编号,客户id",
    "name": "name,full name,customer,customer name,company,company name,client,"
    "姓名,名称,客户,客户名称,客户姓名,公司,公司名称,联系人",
    "kind": "kind,type,customer type,类型,客户类型,性质",
    "language": "language,lang,语言,语种",
    "segment": "segment,class,grade,value class,等级,客户等级,级别,价值等级",
    "account_manager": "account manager,manager,owner,sales rep,客户经理,业务员,负责人,销售",
    "tags": "tags,tag,labels,标签,客户标签",
    "phone": "phone,telephone,tel,mobile,mobile phone,cell,cell phone,phone number,电话,手机,手机号,手机号码,电话号码,"
    "联系电话,座机,固定电话,办公电话",
    "email": "email,e-mail,mail,email address,邮箱,电子邮箱,电子邮件,邮件,邮件地址",
    "web": "web,website,url,homepage,网址,网站,主页",
    "social": "social,wechat,social media,微信,微信号,社交账号",
    "notes": "notes,note,remark,remarks,comment,comments,备注,说明,附注",
}
_CONSENT_WORDS: Mapping[Channel, str] = {
    Channel.PHONE: "phone consent,call consent,电话同意,电话许可,电话营销",
    Channel.SMS: "sms consent,短信同意,短信许可,短信营销",
    Channel.EMAIL: "email consent,mail consent,newsletter,邮件同意,邮件许可,邮件营销",
    Channel.CHAT: "chat consent,聊天同意",
    Channel.SOCIAL: "social consent,社交同意,微信同意",
    Channel.POST: "post consent,邮寄同意",
}
_ORDER_WORDS: Mapping[str, str] = {
    "order_number": "order number,order no,order,order id,number,订单号,订单编号,单号",
    "customer_number": _CUSTOMER_WORDS["customer_number"],
    "external_id": "external id,customer id,crm id,cust id,客户id,系统编号,外部编号",
    "phone": _CUSTOMER_WORDS["phone"],
    "email": _CUSTOMER_WORDS["email"],
    "product": "product,product code,sku,item,产品,产品编码,产品代码,商品编码,型号",
    "text": "text,description,product name,描述,产品名称,商品,商品名称,品名",
    "quantity": "quantity,qty,count,数量",
    "placed_on": "placed on,date,order date,purchase date,下单日期,订单日期,日期,购买日期",
    "due_on": "due on,due,delivery date,due date,交货日期,到期日期,预计日期",
    "amount": "amount,total,price,sum,value,金额,总额,合计,订单金额,价格",
    "currency": "currency,币种,货币",
    "state": "state,status,order status,状态,订单状态",
    "note": "note,notes,remark,备注,说明",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """What each column is (None: nothing), in the file's order; what a customer is recognised by, and of which system
    the external ids are."""

    columns: tuple[str | None, ...]
    key: str | None = None
    source: str = "import"


class InvalidMapping(InvalidValue):
    """A mapping that nothing can be imported with; the message names the column."""

    code = "invalid_mapping"


def fields_of(kind: RecordKind, custom: Iterable[CustomField] = ()) -> tuple[str, ...]:
    """Everything a column may be; of the business's own fields those that are not retired."""
    if kind is RecordKind.ORDERS:
        return tuple(_ORDER_WORDS)
    own = tuple(f"{CUSTOM}{one.field_id}" for one in custom if not one.retired)
    return (*_CUSTOMER_WORDS, *(f"{CONSENT}{channel}" for channel in Channel), *own)


def signature(kind: RecordKind, header: Sequence[str]) -> str:
    """The same for files with the same columns: by it a mapping is remembered."""
    words = "\x1f".join(_word(cell) for cell in header)
    return hashlib.sha256(f"{kind}\x1e{words}".encode("utf-8", "replace")).hexdigest()[:32]


def guess(kind: RecordKind, header: Sequence[str], custom: Sequence[CustomField] = ()) -> ColumnMapping:
    """What the words of the header mean, in Chinese or English; a column that says nothing known is None."""
    words = _known_words(kind, custom)
    taken: set[str] = set()
    columns: list[str | None] = []
    for cell in header:
        word = _word(cell)
        # "Phone 2" and 电话2 are phones.
        found = words.get(word) or words.get(word.rstrip("0123456789 "))
        if found is not None and found in taken and found not in SEVERAL:
            found = None
        if found is not None:
            taken.add(found)
        columns.append(found)
    return ColumnMapping(columns=tuple(columns), key=likely_key(columns))


def likely_key(columns: Iterable[str | None]) -> str | None:
    """The surest of the columns by which a customer is recognised."""
    there = set(columns)
    return next((key for key in CUSTOMER_KEYS if key in there), None)


def check_mapping(
    kind: RecordKind, header: Sequence[str], mapping: ColumnMapping, custom: Sequence[CustomField] = ()
) -> None:
    """Raise `InvalidMapping` for columns that are unknown, doubled or missing, and for a key that is none."""
    if len(mapping.columns) != len(header):
        raise InvalidMapping(f"the file has {len(header)} columns, the mapping {len(mapping.columns)}")
    known = fields_of(kind, custom)
    taken: dict[str, str] = {}
    for cell, field in zip(header, mapping.columns, strict=True):
        if field is None:
            continue
        if field not in known:
            raise InvalidMapping(f"column {cell!r}: there is no field {field!r}; possible: {', '.join(known)}")
        if field in taken and (field not in SEVERAL or kind is RecordKind.ORDERS):
            raise InvalidMapping(f"columns {taken[field]!r} and {cell!r} cannot both be {field}; leave one out")
        taken[field] = cell
    if mapping.key not in CUSTOMER_KEYS:
        raise InvalidMapping(f"say by what a customer is recognised: {', '.join(CUSTOMER_KEYS)}", code="key_missing")
    if mapping.key not in taken:
        raise InvalidMapping(f"no column is {mapping.key}, by which customers are to be recognised", code="key_missing")
    for needed in ("order_number", "placed_on", "amount") if kind is RecordKind.ORDERS else ():
        if needed not in taken:
            raise InvalidMapping(f"no column is {needed}, which every order needs", code="column_missing")
    if not 1 <= len(mapping.source) <= LONGEST_SOURCE or not mapping.source.isprintable():
        raise InvalidMapping(f"the name of the system the ids are of has 1 to {LONGEST_SOURCE} characters")


def _known_words(kind: RecordKind, custom: Sequence[CustomField]) -> dict[str, str]:
    tables = _ORDER_WORDS if kind is RecordKind.ORDERS else _CUSTOMER_WORDS
    words = {_word(one): field for field, listed in tables.items() for one in (field, *listed.split(","))}
    if kind is RecordKind.CUSTOMERS:
        for channel, listed in _CONSENT_WORDS.items():
            name = f"{CONSENT}{channel}"
            words |= {_word(one): name for one in (name, *listed.split(","))}
        for field in custom:
            if not field.retired:
                name = f"{CUSTOM}{field.field_id}"
                # What the program's own fields are called goes before a label of the business.
                own = (name, field.field_id, field.label.zh, field.label.en)
                words = {_word(one): name for one in own if _word(one)} | words
    return words


def _word(cell: str) -> str:
    text = unicodedata.normalize("NFKC", cell[:200]).casefold()
    return " ".join(re.sub(r"[\s_\-.:*#()\[\]/]+", " ", text).split())
