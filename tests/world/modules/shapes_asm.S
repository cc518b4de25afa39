// The shapes that only assemblers, or other compilers than ours, write. All are legal for x64
// unwinding; each takes RCX and RDX.

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
    .macro end
    .seh_endproc
    .endm
    .macro frame size
    sub rsp, \size
    .seh_stackalloc \size
    .endm
    .macro saved register
    push \register
    .seh_pushreg \register
    .endm

// A function without unwind data: the return address is the newest thing on its stack, always.
    .globl AsmLeaf
    .def AsmLeaf
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
AsmLeaf:
    lea rax, [rcx+rdx]
    test rcx, rcx
    je 1f
    xor rax, rcx
    ret
1:  ret

// Probes RAX bytes of stack below the caller's, a page at a time; changes R10 and R11 only.
    .globl __chkstk
    .def __chkstk
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
__chkstk:
    lea r10, [rsp+8]
    sub r10, rax
    lea r11, [rsp+8]
1:  sub r11, 0x1000
    cmp r11, r10
    jb 2f
    test byte ptr [r11], 0
    jmp 1b
2:  ret

// Never called: nothing raises an exception here.
    .globl __C_specific_handler
    .def __C_specific_handler
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
__C_specific_handler:
    mov eax, 1
    ret

// From here nobody comes back: whoever runs it stops at the HLT.
    function ShapeBugCheck
    saved rbx
    frame 0x20
    .seh_endprologue
    mov rbx, rcx
    call AsmLeaf
    .globl ShapeBugCheckHalt
ShapeBugCheckHalt:
    hlt
    end

// Every nonvolatile register pushed; the epilogue begins with an 8-bit ADD.
    function AsmPushAll
    saved rbx
    saved rbp
    saved rsi
    saved rdi
    saved r12
    saved r13
    saved r14
    saved r15
    frame 0x28
    .seh_endprologue
    mov rbx, rcx
    mov rbp, rdx
    mov rsi, 3
    mov rdi, 4
    mov r12, 5
    mov r13, 6
    mov r14, 7
    mov r15, 8
    call AsmLeaf
    add rsp, 0x28
    pop r15
    pop r14
    pop r13
    pop r12
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    ret
    end

// Registers saved in the caller's home space before the frame exists, as MSVC does. Where they are
// is said from the end of the prologue on: until then they still hold what they held.
    function AsmHomeSaves
    mov [rsp+8], rbx
    mov [rsp+0x10], rsi
    saved rdi
    frame 0x28
    .seh_savereg rbx, 0x38
    .seh_savereg rsi, 0x40
    .seh_endprologue
    mov rbx, rcx
    mov rsi, rdx
    xor edi, edi
    call AsmLeaf
    add rax, rbx
    mov rbx, [rsp+0x38]
    mov rsi, [rsp+0x40]
    add rsp, 0x28
    pop rdi
    ret
    end

// RAX stands in for RSP while the registers are saved; R11 while they are restored.
    function AsmStandIns
    mov rax, rsp
    mov [rax+8], rbx
    mov [rax+0x10], rbp
    mov [rax+0x18], rsi
    saved rdi
    saved r14
    frame 0x90
    .seh_savereg rbx, 0xa8
    .seh_savereg rbp, 0xb0
    .seh_savereg rsi, 0xb8
    .seh_endprologue
    mov rbx, rcx
    mov rbp, rdx
    mov rsi, rcx
    mov rdi, rdx
    mov r14, rcx
    call AsmLeaf
    lea r11, [rsp+0x90]
    mov rbx, [r11+0x18]
    mov rbp, [r11+0x20]
    mov rsi, [r11+0x28]
    mov rsp, r11
    pop r14
    pop rdi
    ret
    end

// Frame registers: at RSP itself, in the middle, at the furthest offset; other ones than RBP.
    function AsmFrameRbp
    saved rbp
    mov rbp, rsp
    .seh_setframe rbp, 0
    frame 0x40
    .seh_endprologue
    mov [rbp-8], rcx
    sub rsp, 0x30
    call AsmLeaf
    mov rsp, rbp
    pop rbp
    ret
    end

    function AsmFrameMiddle
    saved rbp
    saved rbx
    frame 0xa8
    lea rbp, [rsp+0x80]
    .seh_setframe rbp, 0x80
    .seh_endprologue
    mov rbx, rcx
    mov rax, rcx
    and eax, 0xf0
    sub rsp, rax
    sub rsp, 0x20
    call AsmLeaf
    test rbx, rbx
    je 1f
    lea rsp, [rbp+0x28]
    pop rbx
    pop rbp
    ret
1:  mov rcx, rdx
    call AsmLeaf
    lea rsp, [rbp+0x28]
    pop rbx
    pop rbp
    ret
    end

    function AsmFrameFar
    saved r13
    saved rdi
    frame 0x1f8
    lea r13, [rsp+0xf0]
    .seh_setframe r13, 0xf0
    .seh_endprologue
    mov rdi, rcx
    push rcx
    push rdx
    sub rsp, 0x20
    call AsmLeaf
    add rsp, 0x20
    pop rdx
    pop rcx
    call AsmLeaf
    lea rsp, [r13+0x108]
    pop rdi
    pop r13
    ret
    end

// The forms with 32-bit offsets: allocation, registers, XMM.
    function AsmFarSaves
    mov eax, 0x90040
    call __chkstk
    sub rsp, rax
    .seh_stackalloc 0x90040
    mov [rsp+0x90030], rbx
    .seh_savereg rbx, 0x90030
    movaps [rsp+0x90020], xmm9
    .seh_savexmm xmm9, 0x90020
    movaps [rsp+0x70], xmm6
    .seh_savexmm xmm6, 0x70
    mov [rsp+0x80008], r12
    .seh_savereg r12, 0x80008
    mov [rsp+0x80000], r15
    .seh_savereg r15, 0x80000
    .seh_endprologue
    mov rbx, rcx
    mov r12, rdx
    mov r15, rcx
    xorps xmm6, xmm6
    xorps xmm9, xmm9
    call AsmLeaf
    mov r15, [rsp+0x80000]
    mov r12, [rsp+0x80008]
    movaps xmm6, [rsp+0x70]
    movaps xmm9, [rsp+0x90020]
    mov rbx, [rsp+0x90030]
    add rsp, 0x90040
    ret
    end

// The prologue has work between its steps, and volatile registers pushed as mere allocation.
    function AsmMixedPrologue
    mov r8, rcx
    saved rbx
    test rcx, rcx
    saved rsi
    push rcx
    .seh_stackalloc 8
    lea r9, [rdx+1]
    push rdx
    .seh_stackalloc 8
    frame 0x28
    mov rbx, r9
    .seh_endprologue
    mov rsi, r8
    call AsmLeaf
    add rsp, 0x38
    pop rsi
    pop rbx
    ret
    end

// Two ways out in the middle, code behind them, a jump back.
    function AsmEpilogueInside
    saved rbx
    frame 0x20
    .seh_endprologue
    mov rbx, rcx
    cmp rcx, 2
    ja 2f
    test rcx, rcx
    jne 1f
    add rsp, 0x20
    pop rbx
    ret
1:  call AsmLeaf
    add rsp, 0x20
    pop rbx
    ret
2:  mov rcx, rdx
    call AsmLeaf
    sub rbx, 1
    cmp rbx, 2
    ja 2b
    jmp 1b
    end

// Leaves by jumps of every form, the frame released before.
    function AsmJumps
    saved rdi
    frame 0x30
    .seh_endprologue
    mov rdi, rcx
    call AsmLeaf
    cmp rdi, 1
    je 1f
    ja 2f
    add rsp, 0x30
    pop rdi
    jmp AsmLeaf
1:  add rsp, 0x30
    pop rdi
    jmp qword ptr [rip+AsmLeafPointer]
2:  cmp rdi, 3
    jae 3f
    lea rax, [rip+AsmLeaf]
    add rsp, 0x30
    pop rdi
    rex64 jmp rax
3:  lea rax, [rip+AsmLeafPointer]
    add rsp, 0x30
    pop rdi
    rex64 jmp [rax]
    end

// Described, but without a frame: calls with nothing but the return address on its stack.
    function AsmNoPrologue
    .seh_endprologue
    call AsmLeaf
    call AsmNoPrologueInner
    ret
    end
    function AsmNoPrologueInner
    .seh_endprologue
    call AsmLeaf
    rep ret
    end

// A region with a prologue of its own, chained to the function's, as MSVC lays it out: three entries
// of .pdata side by side. Written by hand: what .seh_startchained makes overlaps.
    .globl AsmChained
    .def AsmChained
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
AsmChained:
    push rbx
    sub rsp, 0x40
    mov rbx, rcx
    test rcx, rcx
    je .Lchained_rest
.Lchained_part:
    mov [rsp+0x30], rsi
    mov [rsp+0x38], rdi
    mov rsi, rdx
    mov rdi, rcx
    call AsmLeaf
    mov rdi, [rsp+0x38]
    mov rsi, [rsp+0x30]
.Lchained_rest:
    mov rcx, rdx
    call AsmLeaf
    add rsp, 0x40
    pop rbx
    ret
.Lchained_end:
    .section .xdata, "dr"
    .p2align 2
.Lchained_unwind:
    .byte 1, 5, 2, 0            // version 1
    .byte 5, 0x72               // ALLOC_SMALL 0x40
    .byte 1, 0x30               // PUSH_NONVOL RBX
.Lchained_part_unwind:
    .byte 0x21, 10, 4, 0        // version 1, chained
    .byte 10, 0x74, 7, 0        // SAVE_NONVOL RDI at 0x38
    .byte 5, 0x64, 6, 0         // SAVE_NONVOL RSI at 0x30
    .rva AsmChained, .Lchained_part, .Lchained_unwind
.Lchained_rest_unwind:
    .byte 0x21, 0, 0, 0         // version 1, chained, nothing of its own
    .rva AsmChained, .Lchained_part, .Lchained_unwind
    .section .pdata, "dr"
    .p2align 2
    .rva AsmChained, .Lchained_part, .Lchained_unwind
    .rva .Lchained_part, .Lchained_rest, .Lchained_part_unwind
    .rva .Lchained_rest, .Lchained_end, .Lchained_rest_unwind
    .text

// A language handler behind the unwind codes.
    function AsmHandler
    .seh_handler __C_specific_handler, @except, @unwind
    saved rbp
    frame 0x20
    .seh_endprologue
    mov rbp, rcx
    call AsmLeaf
    add rsp, 0x20
    pop rbp
    ret
    .seh_handlerdata
    .long 0
    .text
    end

// The call is the last instruction: its return address is the next function's first.
    function AsmCallLast
    frame 0x28
    .seh_endprologue
    cmp rcx, 8
    je 1f
    call AsmLeaf
    add rsp, 0x28
    ret
1:  call ShapeBugCheck
    end
    .globl AsmAfterCallLast
    .def AsmAfterCallLast
    .scl 2
    .type 32
    .endef
    .seh_proc AsmAfterCallLast
AsmAfterCallLast:
    saved rbx
    saved rsi
    frame 0x78
    .seh_endprologue
    mov rbx, rcx
    mov rsi, rdx
    call AsmLeaf
    add rsp, 0x78
    pop rsi
    pop rbx
    ret
    end

// Moves the stack pointer over what it pushed, with a frame register to find the way back; the
// body has the bytes of an epilogue's beginning.
    function AsmPushedArguments
    saved rbp
    saved rbx
    mov rbp, rsp
    .seh_setframe rbp, 0
    .seh_endprologue
    mov rbx, rcx
    push rdx
    push rcx
    sub rsp, 0x20
    call AsmLeaf
    add rsp, 0x20
    pop rcx
    pop rdx
    add rax, rbx
    mov rsp, rbp
    pop rbx
    pop rbp
    ret
    end

// Calls back into C through RDX.
    function ShapeAsmCallee
    saved rbx
    saved rsi
    frame 0x28
    .seh_endprologue
    mov rbx, rcx
    mov rsi, rdx
    mov rdx, rcx
    call rsi
    lea rcx, [rax+rbx]
    mov rdx, rbx
    call rsi
    add rsp, 0x28
    pop rsi
    pop rbx
    ret
    end

// Not described although it calls: whoever meets it must say so, not guess.
    .globl AsmUndescribed
    .def AsmUndescribed
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
AsmUndescribed:
    sub rsp, 0x48
    call AsmPushAll
    add rsp, 0x48
    ret

    .section .rdata, "dr"
    .p2align 3
AsmLeafPointer:
    .quad AsmLeaf
    .data
    .globl _fltused  // what the compiler asks for where there is floating point
_fltused:
    .long 0x9875

    .text
    .globl DriverEntry
    .def DriverEntry
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
DriverEntry:
    xor eax, eax
    ret
