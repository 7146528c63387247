"""Checks a home through: schema, the ledger's file, the audit chain, the sample store."""

from typing import Any

from cloudctl.core.audit import verify
from cloudctl.core.ledger_store import faults
from cloudctl.core.schema import present_revision
from cloudctl.operations.context import Context
from cloudctl.operations.usage.check_samples import check_samples


def check_ledger(ctx: Context, *, hashes: bool = False) -> dict[str, Any]:
    """Everything found, with `ok` true when nothing is wrong; `hashes` reads every sample file whole."""
    with ctx.reading() as session:
        found, chain = faults(session), verify(session)
    samples = check_samples(ctx, hashes=hashes)
    return {
        "ok": not found and chain.ok and samples.is_sound,
        "schema": present_revision(ctx.database),
        "faults": found,
        "audit_entries": chain.entries,
        "audit_head": chain.head,
        "audit_first_bad": chain.first_bad,
        "sample_files": samples.files,
        "sample_rows": samples.rows,
        "sample_bytes": samples.bytes,
        "missing_files": list(samples.missing),
        "changed_files": list(samples.changed),
        "unknown_files": list(samples.strangers),
    }
