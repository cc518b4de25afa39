// The system call of the physical world's kernel, as nt_stubs.S has it but for where the service
// returns to; and where system threads begin.

    .intel_syntax noprefix
    .text

    .macro function name
    .globl \name
    .def \name
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
    .seh_proc \name
\name:
    .endm

// RCX = user RIP, R11 = user flags, R10 = first argument, EAX = service number.
    function KiSystemCall64
    swapgs
    mov gs:[0x10], rsp
    mov rsp, gs:[0x1a8]
    push 0x2b
    push qword ptr gs:[0x10]
    push r11
    push 0x33
    push rcx
    .seh_pushframe
    sub rsp, 8
    .seh_stackalloc 8
    push rbp
    .seh_pushreg rbp
    sub rsp, 0x158
    .seh_stackalloc 0x158
    lea rbp, [rsp+0x80]
    .seh_setframe rbp, 0x80
    .seh_endprologue
    mov rcx, r10
    mov [rbp+0xc0], rbx
    mov [rbp+0xc8], rdi
    mov [rbp+0xd0], rsi
    mov byte ptr [rbp-0x55], 2
    mov rbx, gs:[0x188]
    stmxcsr dword ptr [rbp-0x54]
    mov [rbp-0x50], rax
    mov [rbp-0x48], rcx
    mov [rbp-0x40], rdx
    mov [rbp-0x38], r8
    mov [rbp-0x30], r9

    .globl KiSystemServiceStart
KiSystemServiceStart:
    lea r10, [rbp-0x80]
    mov [rbx+0x90], r10
    and eax, 0xfff
    cmp eax, dword ptr [rip+KiServiceLimit]
    jae 1f
    lea r11, [rip+KiServiceTable]
    mov r10, [r11+rax*8]
    sub rsp, 0x70
    mov rsi, [rbp+0x100]
    mov rax, [rsi+0x28]
    mov [rsp+0x20], rax
    mov rax, [rsi+0x30]
    mov [rsp+0x28], rax

    .globl KiSystemServiceCopyEnd
KiSystemServiceCopyEnd:
    .fill 0x25 - 3, 1, 0x90
    call r10
    inc dword ptr gs:[0x2eb8]

    .globl KiSystemServiceExit
KiSystemServiceExit:
    mov rbx, [rbp+0xc0]
    mov rdi, [rbp+0xc8]
    mov rsi, [rbp+0xd0]
    ldmxcsr dword ptr [rbp-0x54]
    lea rsp, [rbp+0xd8]
    pop rbp
    add rsp, 8
    swapgs
    iretq
1:  mov eax, 0xc000001c
    jmp KiSystemServiceExit
    .seh_endproc

// A system thread's oldest frame: RSP is at a KSTART_FRAME {P1Home.., Return}, whose return address
// is 0. RCX and RDX are what PspSystemThreadStartup takes.
    function KiStartSystemThread
    .seh_stackalloc 0x28
    .seh_endprologue
    nop
    call PspSystemThreadStartup
    nop
    .seh_endproc

    .section .rdata, "dr"
    .p2align 3
KiServiceTable:
    .quad NtCreateFile
    .quad NtQueryFullAttributesFile
    .quad NtClose
    .quad NtReadFile
    .quad NtWaitForSingleObject
    .quad NtWaitForMultipleObjects
    .quad NtDelayExecution
    .quad NtRemoveIoCompletion
KiServiceLimit:
    .long (KiServiceLimit - KiServiceTable) / 8
