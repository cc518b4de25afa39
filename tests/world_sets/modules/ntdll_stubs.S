// ntdll.dll's system calls, with Windows 10's instructions. Leaves: no unwind data. The first one
// lies FILL bytes into the code, so that it returns to the address that a published listing has.
    .intel_syntax noprefix
    .text
    .fill FILL, 1, 0xcc

    .macro service name, number
    .globl \name
    .def \name
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
\name:
    mov r10, rcx
    mov eax, \number
    test byte ptr [0x7ffe0308], 1
    jne 1f
    syscall
    ret
1:  int 0x2e
    ret
    .section .drectve, "yn"
    .ascii " /EXPORT:\name"
    .text
    .endm

    service NtReadFile, 3
    service NtWaitForSingleObject, 4
    service NtWaitForMultipleObjects, 5
