"""A boot sector that shows whether a machine computes: it enters 64-bit mode, counts, and switches the machine off.

A hypervisor that only says that it can run guests never lets it reach its last line. 300 million rounds take emulation
about a second on an idle core, and hardware less.
"""

from itertools import takewhile
from string import hexdigits

# Address by address; written for GNU as, `.code16` up to the far jump, then `.code64`.
_CODE = """
fa                 cli
ea 06 7c 00 00     ljmp $0, $0x7c06
31 c0              xor %ax, %ax
8e d8              mov %ax, %ds
8e c0              mov %ax, %es
8e d0              mov %ax, %ss
bc 00 7c           mov $0x7c00, %sp
fc                 cld
bf 00 10           mov $0x1000, %di            # three pages of zeros for the page tables
b9 00 18           mov $0x1800, %cx
f3 ab              rep stosw
c7 06 00 10 03 20  movw $0x2003, 0x1000
c7 06 00 20 03 30  movw $0x3003, 0x2000
c7 06 00 30 83 00  movw $0x83, 0x3000          # the first 2 MiB, where they are
66 b8 00 10 00 00  mov $0x1000, %eax
0f 22 d8           mov %eax, %cr3
0f 20 e0           mov %cr4, %eax
66 83 c8 20        or $0x20, %eax              # PAE
0f 22 e0           mov %eax, %cr4
66 b9 80 00 00 c0  mov $0xc0000080, %ecx
0f 32              rdmsr
66 0d 00 01 00 00  or $0x100, %eax             # long mode
0f 30              wrmsr
66 0f 01 16 98 7c  lgdtl 0x7c98
0f 20 c0           mov %cr0, %eax
66 0d 01 00 00 80  or $0x80000001, %eax        # paging, protection
0f 22 c0           mov %eax, %cr0
ea 66 7c 08 00     ljmp $8, $0x7c66
b9 00 a3 e1 11     mov $300000000, %ecx
31 db              xor %ebx, %ebx
01 cb              add %ecx, %ebx
89 1c 25 00 50 00 00  mov %ebx, 0x5000
ff c9              dec %ecx
75 f3              jnz 0x7c6d
66 ba 04 06        mov $0x604, %dx             # the power switch of a q35 machine
66 b8 00 20        mov $0x2000, %ax
66 ef              out %ax, %dx
f4                 hlt
eb fd              jmp 0x7c84
90                 nop
00 00 00 00 00 00 00 00
00 00 00 00 00 9a 20 00                        # the code segment, 64 bits
0f 00 88 7c 00 00                              # the table's length and place
"""
# A disk this small is not taken for one.
DISK_BYTES = 2**20


def probe_disk() -> bytes:
    """The disk to boot from."""
    code = b"".join(map(_bytes_of, _CODE.strip().splitlines()))
    return code.ljust(510, b"\0") + b"\x55\xaa" + bytes(DISK_BYTES - 512)


def _bytes_of(line: str) -> bytes:
    """The pairs of digits that a line begins with; "or" and its like are no such pairs."""
    pairs = takewhile(lambda word: len(word) == 2 and set(word) <= set(hexdigits), line.split())
    return bytes.fromhex("".join(pairs))
