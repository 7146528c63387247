"""The handover sheet on paper: who gets which machines, where they are reached, what they cost, signed by both."""

from decimal import Decimal

from policies.requests.model import RequestKind
from reports.datasets.requests import HandedOver, HandoverReport
from reports.document import Block, Cell, Column, Document, Facts, Part, SignatureBox, Signatures, Table
from reports.layouts.wording import MIB_PER_GIB, Reader, assemble, label, named
from reports.notation import NOTHING, instant_text


def lay_out_handover(report: HandoverReport, reader: Reader) -> Document:
    texts = reader.texts
    blocks: tuple[Block, ...] = (
        _facts(report, reader),
        _machines(report, reader),
        _signatures(report, reader),
    )
    return assemble(
        reader,
        report.imprint,
        title=texts.text("Handover sheet"),
        subtitle=f"{named(report.unit)} · {named(report.system)}",
        reference=texts.text("Request {request}", request=report.request),
        parts=(Part("handover", "", texts.text("Handover sheet"), blocks, is_wide=True),),
    )


def _facts(report: HandoverReport, reader: Reader) -> Facts:
    texts, zone = reader.texts, reader.zone

    def by(login: str, at: str) -> str:
        return f"{login}, {at}"

    return Facts(
        (
            (texts.text("Unit"), named(report.unit)),
            (texts.text("Contact of the unit"), report.contact or NOTHING),
            (texts.text("Business system"), named(report.system)),
            (texts.text("Level of protection"), str(report.level)),
            (texts.text("Kind of request"), label(reader, "request_kind", report.kind)),
            (texts.text("Purpose"), report.purpose),
            (texts.text("Asked by"), by(report.requested_by, instant_text(report.requested_at, zone))),
            (texts.text("Granted by"), by(report.decided_by, instant_text(report.decided_at, zone))),
            (texts.text("Carried out by"), by(report.executed_by, instant_text(report.executed_at, zone))),
            (texts.text("Provider"), ", ".join(report.providers) or report.imprint.site),
            (texts.text("Reason of the decision"), report.decision_reason or NOTHING),
            (texts.text("Contact for questions"), report.operator_contact or NOTHING),
        )
    )


def _machines(report: HandoverReport, reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        "machines",
        texts.text("Machines given back" if report.kind == RequestKind.RETIRE else "Machines handed over"),
        (
            Column("vm", texts.text("Machine"), "code", 18),
            Column("pool", texts.text("Pool"), "text", 16),
            Column("addresses", texts.text("Addresses"), "code", 24),
            Column("vcpus", texts.text("vCPUs"), "count", 8, is_summed=True),
            Column("memory_gib", texts.text("Memory, GiB"), "number", 12, is_summed=True),
            Column("storage", texts.text("Storage, GiB"), "text", 18),
            Column("image", texts.text("Image"), "code", 14),
            Column("since", texts.text("Held since"), "instant", 18),
            Column("until", texts.text("Term until"), "date", 12),
            Column("price", texts.text("Price a month"), "money", 12, is_summed=report.total_fen is not None),
        ),
        tuple(_row(machine, reader) for machine in report.machines),
        total_label=texts.text("Total"),
        empty=texts.text("There is none."),
    )


def _row(machine: HandedOver, reader: Reader) -> tuple[Cell, ...]:
    size = machine.size
    storage = " + ".join(
        f"{gib} {label(reader, 'tier', tier)}" for tier, gib in (size.storage_gib.items() if size else ())
    )
    return (
        machine.vm,
        named(machine.pool),
        ", ".join(machine.addresses) or NOTHING,
        size.vcpus if size else 0,
        Decimal(size.memory_mib) / MIB_PER_GIB if size else 0,
        storage or "0",
        machine.image or NOTHING,
        machine.since,
        machine.until,
        machine.monthly_fen,
    )


def _signatures(report: HandoverReport, reader: Reader) -> Signatures:
    texts = reader.texts
    blanks = (texts.text("Signature:"), texts.text("Date:"))
    parties = (report.imprint.site, named(report.unit))
    giver, taker = reversed(parties) if report.kind == RequestKind.RETIRE else parties
    return Signatures(
        texts.text("Signatures"),
        (
            SignatureBox(texts.text("Handed over by"), giver, (), blanks, ""),
            SignatureBox(texts.text("Received by"), taker, (), blanks, ""),
        ),
    )
