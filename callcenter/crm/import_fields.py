"""What a column of a file may be: what each field is called, and the words that headers have for it.

Law: of the words of a field the surest stand first; what a field is called is one of its words, so an export says
itself what its columns are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from callcenter.domain.customers import Channel
from callcenter.domain.labels import Label

CONSENT: Final = "consent."
CUSTOM: Final = "custom."


class RecordKind(StrEnum):
    """What a file holds."""

    CUSTOMERS = "customers"
    ORDERS = "orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportField:
    """What it is called, and further words for it between commas."""

    label: Label
    words: str = ""


def _field(zh: str, en: str, words: str = "") -> ImportField:
    return ImportField(label=Label(zh=zh, en=en), words=words)


_NUMBER = _field(
    "客户号",
    "customer number",
    "客户编号,客户号码,会员号,会员编号,会员卡号,卡号,账号,customer no,cust no,client number,client no,account number,"
    "account no,member number,member no,membership number",
)
_PHONE = _field(
    "电话",
    "telephone",
    "手机,手机号,手机号码,电话号码,联系电话,联系方式,联系手机,移动电话,固定电话,座机,座机号码,办公电话,电话1,"
    "phone,tel,mobile,mobile phone,mobile number,mobile no,cell,cell phone,phone number,phone no,telephone number,"
    "telephone no,contact number,contact phone",
)
_EMAIL = _field(
    "邮箱", "e-mail", "电子邮箱,电子邮件,邮件,邮件地址,邮箱地址,电子邮箱地址,电邮,mail,email address,mail address"
)
_RECORD = _field("记录编号", "record id", "本系统编号")

CUSTOMER_FIELDS: Final[Mapping[str, ImportField]] = {
    "customer_number": _NUMBER,
    "external_id": _field(
        "其他系统编号",
        "id in another system",
        "外部编号,原系统编号,系统编号,客户id,编号,customer id,cust id,client id,crm id,erp id,id,reference,客户代码,"
        "客户编码,customer code",
    ),
    "name": _field(
        "名称",
        "name",
        "姓名,客户姓名,客户名称,客户名,全名,公司名称,公司,单位名称,联系人,联系人姓名,收货人,收件人,客户,"
        "full name,customer name,client name,company name,company,contact name,customer,client",
    ),
    "kind": _field("个人或企业", "person or organisation", "客户类型,类型,性质,客户性质,type,customer type"),
    "language": _field("语言", "language", "语种,lang"),
    "segment": _field("价值等级", "class of value", "客户等级,等级,级别,客户级别,class,grade,value class"),
    "account_manager": _field(
        "客户经理", "account manager", "业务员,负责人,销售,销售员,客户负责人,manager,owner,sales rep,salesperson"
    ),
    "tags": _field("标签", "tags", "客户标签,tag,labels"),
    "phone": _PHONE,
    "email": _EMAIL,
    "web": _field("网址", "web address", "网站,主页,官网,website,url,homepage,web site,web address"),
    "social": _field("社交账号", "social network", "微信,微信号,wechat,social media"),
    "notes": _field("备注", "notes", "说明,附注,客户备注,note,remark,remarks,comment,comments"),
    "record_id": _RECORD,
}
CONSENT_FIELDS: Final[Mapping[str, ImportField]] = {
    f"{CONSENT}{channel}": field
    for channel, field in {
        Channel.PHONE: _field(
            "同意：电话", "consent: telephone", "电话同意,电话许可,电话营销,phone consent,call consent"
        ),
        Channel.SMS: _field("同意：短信", "consent: sms", "短信同意,短信许可,短信营销,sms consent"),
        Channel.EMAIL: _field("同意：邮件", "consent: e-mail", "邮件同意,邮件许可,邮件营销,email consent,newsletter"),
        Channel.CHAT: _field("同意：聊天", "consent: chat", "聊天同意,chat consent"),
        Channel.SOCIAL: _field("同意：社交媒体", "consent: social networks", "社交同意,微信同意,social consent"),
        Channel.POST: _field("同意：邮寄", "consent: post", "邮寄同意,post consent"),
    }.items()
}
ORDER_FIELDS: Final[Mapping[str, ImportField]] = {
    "order_number": _field(
        "订单号",
        "order number",
        "订单编号,订单号码,单号,订单id,交易号,交易单号,销售单号,单据编号,单据号,order no,order id,order nr,orders no,"
        "so number,so no,po number,po no,订单,order,number",
    ),
    "customer_number": _NUMBER,
    "external_id": _field(
        "其他系统编号",
        "id in another system",
        "外部编号,系统编号,客户id,客户代码,客户编码,customer id,cust id,client id,crm id,customer code",
    ),
    "phone": _PHONE,
    "email": _EMAIL,
    "product": _field(
        "产品",
        "product",
        "产品编码,产品代码,产品编号,商品编码,商品编号,商品代码,物料编码,货号,型号,product code,product id,product no,"
        "sku,item code,item no,item number,item",
    ),
    "text": _field(
        "订购内容",
        "what was ordered",
        "description,产品名称,商品名称,商品,品名,产品描述,描述,摘要,内容,product name,item name,item description,text,"
        "title",
    ),
    "quantity": _field("数量", "quantity", "订购数量,购买数量,商品数量,件数,qty,count,pieces"),
    "placed_on": _field(
        "下单日期",
        "order date",
        "下单时间,订单日期,订单时间,订购日期,购买日期,购买时间,成交时间,成交日期,创建时间,交易日期,交易时间,日期,"
        "placed on,ordered on,date of order,purchase date,created at,date",
    ),
    "due_on": _field(
        "交货日期",
        "delivery date",
        "交付日期,预计交货日期,预计送达,预计日期,到期日期,发货日期,due on,due date,due,expected delivery",
    ),
    "amount": _field(
        "金额",
        "amount",
        "行金额,小计,金额小计,商品金额,销售金额,销售额,成交金额,line amount,line total,subtotal,sum,value,价格,price",
    ),
    "total": _field(
        "订单总额",
        "order total",
        "订单金额,订单总金额,订单总价,总金额,总额,总价,总计,合计,应付金额,实付金额,实付款,实收金额,付款金额,"
        "order amount,order value,grand total,total amount,total price,total,amount paid",
    ),
    "currency": _field("币种", "currency", "货币,货币代码,币别,ccy,currency code"),
    "state": _field("状态", "state", "订单状态,交易状态,status,order status"),
    "note": _field("备注", "note", "订单备注,说明,买家留言,notes,remark,remarks,comment,comments"),
    "record_id": _RECORD,
}


def fields_of_kind(kind: RecordKind) -> Mapping[str, ImportField]:
    """The program's own fields, in the order in which they are offered."""
    return ORDER_FIELDS if kind is RecordKind.ORDERS else {**CUSTOMER_FIELDS, **CONSENT_FIELDS}
