// What of nt neither the story makes nor tests/world's stubs have: a system call of the kernel's own, the double fault, the
// variables.
    .intel_syntax noprefix
    .text
    .macro function name
    .globl \name
    .p2align 4, 0xcc
    .seh_proc \name
\name:
    .endm

    function KiServiceInternal
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
    mov [rbp+0xc0], rbx
    mov [rbp+0xc8], rdi
    mov [rbp+0xd0], rsi
    mov rbx, gs:[0x188]
    jmp KiSystemServiceStart
    .seh_endproc

    function KiServiceLinkage
    .seh_endprologue
    ret
    .seh_endproc

// Entered on the IST's stack.
    function KiDoubleFaultAbort
    .seh_pushframe @code
    push rbp
    .seh_pushreg rbp
    sub rsp, 0x158
    .seh_stackalloc 0x158
    lea rbp, [rsp+0x80]
    .seh_setframe rbp, 0x80
    .seh_endprologue
    mov ecx, 0x7f
    mov edx, 8
    xor r8d, r8d
    xor r9d, r9d
    xor r10d, r10d
    call KiBugCheckDispatch
    nop
    .seh_endproc

    function KiIdleLoop
    sub rsp, 0x28
    .seh_stackalloc 0x28
    .seh_endprologue
1:  call HalProcessorIdle
    jmp 1b
    .seh_endproc

// Not in the story.
    function KiProcessInterrupt
    .seh_endprologue
    ret
    .seh_endproc
    function KiRetireDpcList
    .seh_endprologue
    ret
    .seh_endproc
    .include "nt_variables.inc"
