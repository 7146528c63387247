"""Words that all layouts share: names of codes, the imprint of a page, months and sizes as people write them."""

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from cloudctl.core.i18n import Catalogue
from cloudctl.core.quantity import Size
from reports.datasets.shared import Imprint, Named
from reports.document import Document, Notice, Part
from reports.notation import instant_text

MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a document is made: the language and the site's zone."""

    texts: Catalogue
    zone: ZoneInfo

    @property
    def is_chinese(self) -> bool:
        return self.texts.language.startswith("zh")


def label(reader: Reader, kind: str, code: str) -> str:
    """The name of a code; one the catalogue does not know (a site's own item or tier) stands for itself."""
    return reader.texts.label(kind, code) if reader.texts.has_label(kind, code) else code


def named(value: Named) -> str:
    return value.name or value.code


def month_text(reader: Reader, period: str) -> str:
    """2026-10 as people write it."""
    year, month = period.split("-")
    return reader.texts.text(
        "{year}-{month}", year=year, month=month if not reader.is_chinese else str(int(month))
    )


def currency_text(reader: Reader, currency: str) -> str:
    return label(reader, "currency", currency)


def currency_sign(currency: str) -> str:
    """What stands before an amount."""
    return {"CNY": "¥"}.get(currency, f"{currency} ")


def size_text(reader: Reader, size: Size) -> str:
    """A size in full, its storage by tier."""
    storage = " + ".join(f"{gib} GiB {label(reader, 'tier', tier)}" for tier, gib in size.storage_gib.items())
    return reader.texts.text(
        "{vcpus} vCPU, {memory} GiB memory, {storage} storage",
        vcpus=size.vcpus,
        memory=gib_text(size.memory_mib),
        storage=storage or "0 GiB",
    )


def short_size(size: Size) -> str:
    """vCPU/GiB/GiB."""
    return f"{size.vcpus}/{gib_text(size.memory_mib)}/{size.storage_total_gib}"


def gib_text(memory_mib: int) -> str:
    return f"{(Decimal(memory_mib) / MIB_PER_GIB).normalize():f}"


def assemble(
    reader: Reader,
    imprint: Imprint,
    *,
    title: str,
    subtitle: str,
    reference: str,
    parts: tuple[Part, ...],
    notices: tuple[Notice, ...] = (),
) -> Document:
    """The document around its parts: organisation, notices, page numbers, who made it and when."""
    texts = reader.texts
    simulated = _simulated(reader, imprint)
    return Document(
        title=title,
        subtitle=subtitle,
        organisation=imprint.site,
        reference=reference,
        unit_note=texts.text("Unit of amounts: {currency}", currency=currency_text(reader, imprint.currency)),
        footer=texts.text(
            "Made by cloudctl on {at} for {login}",
            at=instant_text(imprint.generated_at, reader.zone),
            login=imprint.generated_by,
        ),
        page_label=texts.text("Page {page} of {pages}", page="{page}", pages="{pages}"),
        language=texts.language,
        zone=reader.zone,
        generated_at=imprint.generated_at,
        parts=parts,
        notices=(*simulated, *notices),
        stamp=texts.text("Simulated data") if simulated else "",
    )


def _simulated(reader: Reader, imprint: Imprint) -> tuple[Notice, ...]:
    if not imprint.simulated_pools:
        return ()
    text = reader.texts.text(
        "Simulated data: the clouds and workloads of {pools} are simulated. Not for payment.",
        pools=(("、" if reader.is_chinese else ", ").join(imprint.simulated_pools)),
    )
    return (Notice(text, "simulated"),)
