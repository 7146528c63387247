"""The units and systems of the fictitious 示例市 (Example City): fixed names, nothing random, nobody real."""

from dataclasses import dataclass, replace

CITY = "示例市"


@dataclass(frozen=True, slots=True)
class System:
    """A business system. weight: how many machines it has compared with others; pool: where they stand."""

    code: str
    name: str
    weight: int
    pool: str
    level: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, the surname its contact goes by (pinyin and character), and its systems."""

    code: str
    name: str
    pinyin: str
    surname: str
    systems: tuple[System, ...]


def units() -> list[Unit]:
    """All 45 units with their 80 systems, in the city's order."""
    found: list[Unit] = []
    for line in PLACES.strip().splitlines():
        code, *rest = line.split()
        if line.startswith(" "):
            owner = found[-1]
            found[-1] = _with_system(owner, line.split())
        else:
            name, pinyin, surname = rest
            found.append(Unit(code, CITY + name, pinyin, surname, ()))
    return found


def _with_system(unit: Unit, fields: list[str]) -> Unit:
    code, name, weight, pool, level = fields
    system = System(f"{unit.code}-{code}", name, int(weight), pool, int(level))
    return replace(unit, systems=(*unit.systems, system))


# A unit: code, name, contact's surname. Under it its systems: code, name, weight, pool, grade of protection.
# Pools: gov 专有云, ded 专享云, hpc 超算云.
PLACES = """
fin 财政局 wang 王
  budget 预算一体化系统 8 gov 3
  tax 非税收入系统 6 gov 3
  asset 国有资产系统 3 gov 3
data 政务服务和大数据局 li 李
  portal 政务服务网 9 gov 3
  share 数据共享交换平台 9 gov 3
  lake 城市数据湖 10 hpc 3
  cert 电子证照库 4 gov 3
pol 公安局 zhang 张
  resid 人口信息服务系统 8 ded 3
  traffic 交通管理平台 8 ded 3
  video 视频云解析 10 hpc 3
hr 人力资源和社会保障局 liu 刘
  social 社会保险经办系统 9 ded 3
  job 就业服务平台 5 gov 3
health 卫生健康委员会 chen 陈
  ehr 全民健康信息平台 9 ded 3
  blood 血液管理系统 3 ded 3
  aid 急救调度系统 4 ded 3
edu 教育局 yang 杨
  exam 考试招生系统 6 gov 3
  school 智慧校园平台 7 gov 2
  class 在线课堂 5 gov 2
  teach 教师管理系统 2 gov 2
land 自然资源和规划局 zhao 赵
  gis 国土空间一张图 8 hpc 3
  estate 不动产登记系统 6 ded 3
house 住房和城乡建设局 huang 黄
  trade 房屋交易系统 5 gov 3
  site 智慧工地平台 4 gov 2
fund 住房公积金管理中心 zhou 周
  core 公积金核心系统 6 ded 3
  hall 公积金网上大厅 4 gov 3
med 医疗保障局 wu 吴
  settle 医保结算系统 8 ded 3
  audit 医保智能审核 4 ded 3
city 城市管理局 xu 徐
  grid 网格化管理平台 5 gov 2
  light 智慧路灯系统 3 gov 2
  park 停车管理平台 4 gov 2
tran 交通运输局 sun 孙
  bus 公交调度系统 5 gov 2
  road 公路治超系统 3 gov 2
  hub 综合客运枢纽 3 gov 2
env 生态环境局 hu 胡
  air 大气监测平台 5 gov 2
  water 水质监测系统 3 gov 2
  model 污染溯源模型 6 hpc 2
emer 应急管理局 zhu 朱
  command 应急指挥平台 6 ded 3
  mine 安全生产监测 3 gov 2
market 市场监督管理局 gao 高
  reg 企业登记系统 6 gov 3
  food 食品追溯平台 4 gov 2
  elev 电梯安全监测 3 gov 2
justice 司法局 lin 林
  law 行政执法平台 4 gov 3
  legal 公共法律服务 3 gov 2
civil 民政局 he 何
  marry 婚姻登记系统 3 gov 3
  relief 社会救助系统 4 gov 3
agri 农业农村局 guo 郭
  farm 智慧农业平台 4 gov 2
  rural 农村资产管理 3 gov 2
water 水利局 ma 马
  flood 防汛抗旱系统 5 gov 3
  river 河长制平台 3 gov 2
trade 商务局 luo 罗
  market 商务运行监测 3 gov 2
tour 文化广电和旅游局 liang 梁
  visit 文旅服务平台 4 gov 2
  media 应急广播系统 3 gov 2
dev 发展和改革委员会 song 宋
  credit 信用信息平台 5 gov 3
  invest 投资项目审批 4 gov 3
tech 科学技术局 zheng 郑
  plan 科技项目管理 3 gov 2
ind 工业和信息化局 xie 谢
  ent 企业服务云 4 gov 2
  energy 能耗监测平台 3 gov 2
office 人民政府办公室 han 韩
  oa 协同办公平台 7 gov 3
  web 政府网站集群 5 gov 3
  super 督查督办系统 3 gov 3
vet 退役军人事务局 tang 唐
  serve 退役军人服务 3 gov 2
stat 统计局 feng 冯
  survey 统计直报系统 4 gov 2
sport 体育局 yu 于
  gym 全民健身平台 3 gov 2
petition 信访局 dong 董
  letter 信访信息系统 3 gov 2
auditor 审计局 xiao 萧
  cloud 审计数据平台 4 ded 3
state 国有资产监督管理委员会 cheng 程
  soe 国企监管平台 3 gov 2
forest 林业局 cao 曹
  fire 森林防火系统 4 gov 2
garden 园林绿化中心 yuan 袁
  tree 园林管理系统 2 gov 2
bid 公共资源交易中心 deng 邓
  bidding 电子招投标系统 5 ded 3
archive 档案馆 fu 傅
  doc 数字档案馆 4 gov 3
library 图书馆 shen 沈
  read 数字阅读平台 3 gov 2
met 气象局 zeng 曾
  cast 精细化预报系统 5 hpc 2
defence 人民防空办公室 peng 彭
  alarm 防空警报系统 2 ded 3
logis 机关事务中心 lv 吕
  car 公务用车平台 2 gov 2
disab 残疾人联合会 su 苏
  care 助残服务系统 2 gov 2
union 总工会 lu 卢
  member 工会服务平台 3 gov 2
youth 青少年活动中心 jiang 蒋
  club 活动预约系统 2 gov 2
science 科学技术协会 cai 蔡
  popular 科普服务平台 2 gov 2
cross 红十字会 jia 贾
  donate 捐赠管理系统 2 gov 2
coop 供销合作社 ding 丁
  supply 供销服务平台 2 gov 2
"""
