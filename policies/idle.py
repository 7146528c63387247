"""Whether a machine is idle: hardly any CPU, and known to have next to no traffic and disk writes."""

from metering.samples.review_model import RecentFigures
from policies.rule import Rule, as_float


def is_idle(recent: RecentFigures, rule: Rule) -> bool:
    """True only on evidence: an unknown rate is not "none", and thin coverage proves nothing."""
    enough = as_float(rule.mark.coverage_at_least)
    coverages = (recent.cpu_coverage, recent.network_coverage, recent.disk_coverage)
    rates = (recent.cpu_p95, recent.network_bytes_per_s, recent.disk_written_bytes_per_s)
    limits = (
        as_float(rule.idle.cpu_p95_below),
        rule.idle.network_bytes_per_s_below,
        rule.idle.disk_written_bytes_per_s_below,
    )
    if min(coverages) < enough:
        return False
    return all(rate is not None and rate < limit for rate, limit in zip(rates, limits, strict=True))


def is_in_use(recent: RecentFigures, rule: Rule) -> bool:
    """True on evidence of use. Between the two lies "nobody knows"."""
    enough = as_float(rule.mark.coverage_at_least)
    if recent.cpu_p95 is not None and recent.cpu_p95 >= as_float(rule.idle.cpu_p95_below):
        return True
    network, disk = recent.network_bytes_per_s, recent.disk_written_bytes_per_s
    talks = network is not None and network >= rule.idle.network_bytes_per_s_below
    writes = disk is not None and disk >= rule.idle.disk_written_bytes_per_s_below
    return (talks and recent.network_coverage >= enough) or (writes and recent.disk_coverage >= enough)
