// The kernel's entries and switches, which only an assembler can write: system call, traps,
// stack switch, thread switch, context capture. The layouts are those of the public KTRAP_FRAME,
// KEXCEPTION_FRAME, KSWITCH_FRAME and CONTEXT.

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

// System call: RCX = user RIP, R11 = user flags, R10 = first argument, EAX = service number.
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
    mov edi, eax
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
    test dword ptr [rip+KiDynamicTraceMask], 1
    jne 2f
3:  .fill 0x13 - (3b - KiSystemServiceCopyEnd) - 3, 1, 0x90
    call r10
    inc dword ptr gs:[0x2eb8]

    .globl KiSystemServiceExit
KiSystemServiceExit:
    mov rbx, [rbp+0xc0]
    mov rdi, [rbp+0xc8]
    mov rsi, [rbp+0xd0]
    mov rcx, gs:[0x188]
    mov qword ptr [rcx+0x90], 0
    ldmxcsr dword ptr [rbp-0x54]
    lea rsp, [rbp+0xd8]
    pop rbp
    add rsp, 8
    swapgs
    iretq
1:  mov eax, 0xc000001c
    jmp KiSystemServiceExit
2:  mov [rsp+0x60], r10
    call r10
    jmp KiSystemServiceExit
    .seh_endproc

// Saves and gives back what a C function may change; used by the traps below.
    .macro save_volatile
    mov [rbp-0x50], rax
    mov [rbp-0x48], rcx
    mov [rbp-0x40], rdx
    mov [rbp-0x38], r8
    mov [rbp-0x30], r9
    mov [rbp-0x28], r10
    mov [rbp-0x20], r11
    stmxcsr dword ptr [rbp-0x54]
    movaps [rbp-0x10], xmm0
    movaps [rbp], xmm1
    movaps [rbp+0x10], xmm2
    movaps [rbp+0x20], xmm3
    movaps [rbp+0x30], xmm4
    movaps [rbp+0x40], xmm5
    .endm
    .macro restore_volatile
    movaps xmm0, [rbp-0x10]
    movaps xmm1, [rbp]
    movaps xmm2, [rbp+0x10]
    movaps xmm3, [rbp+0x20]
    movaps xmm4, [rbp+0x30]
    movaps xmm5, [rbp+0x40]
    ldmxcsr dword ptr [rbp-0x54]
    mov r11, [rbp-0x20]
    mov r10, [rbp-0x28]
    mov r9, [rbp-0x30]
    mov r8, [rbp-0x38]
    mov rdx, [rbp-0x40]
    mov rcx, [rbp-0x48]
    mov rax, [rbp-0x50]
    .endm

// A trap for which the processor pushes an error code.
    function KiPageFault
    .seh_pushframe @code
    push rbp
    .seh_pushreg rbp
    sub rsp, 0x158
    .seh_stackalloc 0x158
    lea rbp, [rsp+0x80]
    .seh_setframe rbp, 0x80
    .seh_endprologue
    mov byte ptr [rbp-0x55], 1
    save_volatile
    test byte ptr [rbp+0xf0], 1
    je 1f
    swapgs
1:  mov rax, cr2
    mov [rbp+0x50], rax
    mov rcx, [rbp+0xe0]
    mov rdx, [rbp+0xe8]
    call MmAccessFault
    test eax, eax
    js 3f
    test byte ptr [rbp+0xf0], 1
    je 2f
    swapgs
2:  restore_volatile
    lea rsp, [rbp+0xd8]
    pop rbp
    add rsp, 8
    iretq
3:  mov ecx, 0xd1
    mov rdx, [rbp+0x50]
    mov r8d, 2
    mov r9, [rbp+0xe0]
    mov r10, [rbp+0xe8]
    call KiBugCheckDispatch
    nop
    .seh_endproc

// KeBugCheckEx(ecx, rdx, r8, r9, r10) with the nonvolatile registers in a KEXCEPTION_FRAME.
    function KiBugCheckDispatch
    sub rsp, 0x138
    .seh_stackalloc 0x138
    lea rax, [rsp+0x100]
    movaps [rsp+0x30], xmm6
    .seh_savexmm xmm6, 0x30
    mov [rax], rbx
    .seh_savereg rbx, 0x100
    mov [rax+8], rdi
    .seh_savereg rdi, 0x108
    mov [rax+0x10], rsi
    .seh_savereg rsi, 0x110
    mov [rax+0x18], r12
    .seh_savereg r12, 0x118
    mov [rax+0x20], r13
    .seh_savereg r13, 0x120
    mov [rax+0x28], r14
    .seh_savereg r14, 0x128
    mov [rax+0x30], r15
    .seh_savereg r15, 0x130
    .seh_endprologue
    mov [rsp+0x20], r10
    call KeBugCheckEx
    nop
    .seh_endproc

// Takes the caller's context and stops the machine.
    function KeBugCheckEx
    mov [rsp+8], rcx
    mov [rsp+0x10], rdx
    mov [rsp+0x18], r8
    mov [rsp+0x20], r9
    pushfq
    .seh_stackalloc 8
    sub rsp, 0x30
    .seh_stackalloc 0x30
    .seh_endprologue
    cli
    mov rcx, gs:[0x20]
    mov rcx, [rcx+0x85c0]
    call RtlCaptureContext
    hlt
    .seh_endproc

// An interrupt, without an error code; its slot is made here.
    function KiInterruptDispatch
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
    mov byte ptr [rbp-0x55], 0
    save_volatile
    lea rcx, [rbp-0x80]
    call KiProcessInterrupt
    restore_volatile
    lea rsp, [rbp+0xd8]
    pop rbp
    add rsp, 8
    iretq
    .seh_endproc

// The software interrupt that DPCs are run by, below DISPATCH_LEVEL.
    function KiDpcInterrupt
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
    mov byte ptr [rbp-0x55], 0
    save_volatile
    call KiDispatchInterrupt
    restore_volatile
    lea rsp, [rbp+0xd8]
    pop rbp
    add rsp, 8
    iretq
    .seh_endproc

// Runs the processor's DPCs on its DPC stack. PRCB.DpcStack is the address of a KDPC_STACK_FRAME at
// that stack's end; its machine frame leads back to KiDispatchInterruptContinue on this stack.
    function KiDispatchInterrupt
    push rbp
    .seh_pushreg rbp
    sub rsp, 0x30
    .seh_stackalloc 0x30
    mov rbp, rsp
    .seh_setframe rbp, 0
    .seh_endprologue
    mov rax, gs:[0x3290]
    lea rcx, [rip+KiDispatchInterruptContinue]
    mov [rax+0x20], rcx
    mov qword ptr [rax+0x28], 0x10
    pushfq
    pop qword ptr [rax+0x30]
    mov [rax+0x38], rsp
    mov qword ptr [rax+0x40], 0x18
    mov rsp, rax
    mov rcx, gs:[0x20]
    jmp KxRetireDpcList
    .globl KiDispatchInterruptContinue
KiDispatchInterruptContinue:
    lea rsp, [rbp+0x30]
    pop rbp
    ret
    .seh_endproc

    function KxRetireDpcList
    .seh_pushframe
    .seh_stackalloc 0x20
    .seh_endprologue
    call KiRetireDpcList
    add rsp, 0x20
    iretq
    .seh_endproc

// Waits for an interrupt.
    function HalProcessorIdle
    sub rsp, 0x28
    .seh_stackalloc 0x28
    .seh_endprologue
    sti
    hlt
    add rsp, 0x28
    ret
    .seh_endproc

// Runs rdx(rcx) on the stack whose frames end at r8 (its InitialStack), leaving this stack's
// pointer in [r9]. What the callout has below it is a machine frame that leads to
// KiSwitchKernelStackContinue on the old stack.
    function KeSwitchKernelStackAndCallout
    push rbp
    .seh_pushreg rbp
    push rsi
    .seh_pushreg rsi
    sub rsp, 0x28
    .seh_stackalloc 0x28
    mov rbp, rsp
    .seh_setframe rbp, 0
    .seh_endprologue
    mov rsi, rdx
    mov [r9], rsp
    mov r10, rsp
    pushfq
    pop r11
    lea rax, [rip+KiSwitchKernelStackContinue]
    mov rsp, r8
    push 0x18
    push r10
    push r11
    push 0x10
    push rax
    jmp KySwitchKernelStackCallout
    .globl KiSwitchKernelStackContinue
KiSwitchKernelStackContinue:
    lea rsp, [rbp+0x28]
    pop rsi
    pop rbp
    ret
    .seh_endproc

    function KySwitchKernelStackCallout
    .seh_pushframe
    sub rsp, 0x168
    .seh_stackalloc 0x168
    mov [rsp+0x158], rbp
    .seh_savereg rbp, 0x158
    .seh_endprologue
    mov byte ptr [rsp+0x2b], 2
    stmxcsr dword ptr [rsp+0x2c]
1:  .fill 0x27 - (1b - KySwitchKernelStackCallout) - 2, 1, 0x90
    call rsi
    mov rbp, [rsp+0x158]
    add rsp, 0x168
    iretq
    .seh_endproc

// KiSwapContext(rcx = the running thread, rdx = the next): everything nonvolatile goes into a
// KEXCEPTION_FRAME, then the stacks change.
    function KiSwapContext
    sub rsp, 0x138
    .seh_stackalloc 0x138
    lea rax, [rsp+0x100]
    movaps [rsp+0x30], xmm6
    .seh_savexmm xmm6, 0x30
    movaps [rsp+0x40], xmm7
    .seh_savexmm xmm7, 0x40
    movaps [rsp+0x50], xmm8
    .seh_savexmm xmm8, 0x50
    movaps [rsp+0x60], xmm9
    .seh_savexmm xmm9, 0x60
    movaps [rsp+0x70], xmm10
    .seh_savexmm xmm10, 0x70
    movaps [rax-0x80], xmm11
    .seh_savexmm xmm11, 0x80
    movaps [rax-0x70], xmm12
    .seh_savexmm xmm12, 0x90
    movaps [rax-0x60], xmm13
    .seh_savexmm xmm13, 0xa0
    movaps [rax-0x50], xmm14
    .seh_savexmm xmm14, 0xb0
    movaps [rax-0x40], xmm15
    .seh_savexmm xmm15, 0xc0
    mov [rax], rbx
    .seh_savereg rbx, 0x100
    mov [rax+8], rdi
    .seh_savereg rdi, 0x108
    mov [rax+0x10], rsi
    .seh_savereg rsi, 0x110
    mov [rax+0x18], r12
    .seh_savereg r12, 0x118
    mov [rax+0x20], r13
    .seh_savereg r13, 0x120
    mov [rax+0x28], r14
    .seh_savereg r14, 0x128
    mov [rax+0x30], r15
    .seh_savereg r15, 0x130
    .seh_endprologue
    mov rdi, rcx
    mov rsi, rdx
1:  .fill 0x76 - (1b - KiSwapContext) - 5, 1, 0x90
    call SwapContext
    lea rcx, [rsp+0x100]
    movaps xmm6, [rsp+0x30]
    movaps xmm7, [rsp+0x40]
    movaps xmm8, [rsp+0x50]
    movaps xmm9, [rsp+0x60]
    movaps xmm10, [rsp+0x70]
    movaps xmm11, [rcx-0x80]
    movaps xmm12, [rcx-0x70]
    movaps xmm13, [rcx-0x60]
    movaps xmm14, [rcx-0x50]
    movaps xmm15, [rcx-0x40]
    mov rbx, [rcx]
    mov rdi, [rcx+8]
    mov rsi, [rcx+0x10]
    mov r12, [rcx+0x18]
    mov r13, [rcx+0x20]
    mov r14, [rcx+0x28]
    mov r15, [rcx+0x30]
    add rsp, 0x138
    ret
    .seh_endproc

// From RDI's stack to RSI's. What stays behind is a KSWITCH_FRAME: RBP at 30, the return at 38.
    function SwapContext
    sub rsp, 0x38
    .seh_stackalloc 0x38
    mov [rsp+0x30], rbp
    .seh_savereg rbp, 0x30
    .seh_endprologue
    mov byte ptr [rsp+0x28], 0
    mov [rdi+0x58], rsp
    mov gs:[0x188], rsi
    mov rcx, [rsi+0x28]
    mov gs:[0x1a8], rcx
    mov rsp, [rsi+0x58]
    mov rbp, [rsp+0x30]
    add rsp, 0x38
    ret
    .seh_endproc

// RtlCaptureContext(rcx): the CONTEXT of the caller as it will be when this returns.
    function RtlCaptureContext
    pushfq
    .seh_stackalloc 8
    .seh_endprologue
    mov [rcx+0x78], rax
    mov [rcx+0x80], rcx
    mov [rcx+0x88], rdx
    mov [rcx+0x90], rbx
    lea rax, [rsp+0x10]
    mov [rcx+0x98], rax
    mov [rcx+0xa0], rbp
    mov [rcx+0xa8], rsi
    mov [rcx+0xb0], rdi
    mov [rcx+0xb8], r8
    mov [rcx+0xc0], r9
    mov [rcx+0xc8], r10
    mov [rcx+0xd0], r11
    mov [rcx+0xd8], r12
    mov [rcx+0xe0], r13
    mov [rcx+0xe8], r14
    mov [rcx+0xf0], r15
    fxsave [rcx+0x100]
    mov word ptr [rcx+0x38], 0x10
    mov word ptr [rcx+0x3a], 0x2b
    mov word ptr [rcx+0x3c], 0x2b
    mov word ptr [rcx+0x3e], 0x53
    mov word ptr [rcx+0x40], 0x2b
    mov word ptr [rcx+0x42], 0x18
    stmxcsr dword ptr [rcx+0x34]
    mov rax, [rsp+8]
    mov [rcx+0xf8], rax
    mov eax, [rsp]
    mov [rcx+0x44], eax
    mov dword ptr [rcx+0x30], 0x10000f
    add rsp, 8
    ret
    .seh_endproc

    .section .rdata, "dr"
    .p2align 3
KiServiceTable:
    .quad NtCreateFile
    .quad NtQueryFullAttributesFile
    .quad NtClose
KiServiceLimit:
    .long (KiServiceLimit - KiServiceTable) / 8
    .data
    .p2align 3
    .globl KiDynamicTraceMask
KiDynamicTraceMask:
    .long 0
