// The 32-bit kernel's entries and switches, which only an assembler can write. The layouts are those
// of the public KTRAP_FRAME and CONTEXT; what a switched-out thread leaves is as ReactOS documents it:
// exception list, APC bypass, return, EBP, EDI, ESI, EBX.

    .intel_syntax noprefix
    .text

#if BUILD < 9200
#define THREAD_INITIAL_STACK 0x28
#define THREAD_KERNEL_STACK 0x30
#define THREAD_TRAP_FRAME 0x128
#define PRCB_DPC_STACK 0x1908
#define PRCB_CONTEXT 0x3618
#else
#define THREAD_INITIAL_STACK 0x20
#define THREAD_KERNEL_STACK 0x48
#define THREAD_TRAP_FRAME 0x6c
#define PRCB_DPC_STACK 0x2210
#define PRCB_CONTEXT 0x4168
#endif

// KTRAP_FRAME: EAX, ECX and EDX lie a word lower since 8.1.
#if BUILD < 9600
#define TRAP_EDX 0x3c
#define TRAP_ECX 0x40
#define TRAP_EAX 0x44
#else
#define TRAP_EDX 0x38
#define TRAP_ECX 0x3c
#define TRAP_EAX 0x40
#endif

    .macro function name
    .globl "\name"
    .def "\name"
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
"\name":
    .endm

// The rest of a trap frame, from an error code on; EBP stays at it. What a walk along EBP reads, EBP and
// EIP, is repeated at its beginning.
    .macro enter_trap
    push ebp
    push ebx
    push esi
    push edi
    .byte 0x0f, 0xa0  // push fs, four bytes of it
    push dword ptr fs:[0]
    push 0
    .if TRAP_EAX == 0x40
    push 0
    .endif
    push eax
    push ecx
    push edx
    .byte 0x1e, 0x06, 0x0f, 0xa8  // push ds, es, gs
    sub esp, TRAP_EDX - 0xc
    mov ebp, esp
    mov ebx, [ebp+0x60]
    mov edi, [ebp+0x68]
    mov dword ptr [ebp+8], 0xbadb0d00
    mov [ebp], ebx
    mov [ebp+4], edi
    .endm

    .macro leave_trap
    mov ebx, [ebp+0x4c]
    mov fs:[0], ebx
    mov edx, [ebp+TRAP_EDX]
    mov ecx, [ebp+TRAP_ECX]
    mov eax, [ebp+TRAP_EAX]
    lea esp, [ebp+0x54]
    pop edi
    pop esi
    pop ebx
    pop ebp
    add esp, 4
    iretd
    .endm

// System call: EDX = user ESP, EAX = service number. The user's EIP is SharedUserData's.
    function _KiFastCallEntry
    mov ecx, fs:[0x40]
    mov esp, [ecx+4]
    push 0x23
    push edx
    pushfd
    push 0x1b
    push dword ptr ds:[0xffdf0304]
    push 0
    push ebp
    push ebx
    push esi
    push edi
    push 0x3b
    push dword ptr fs:[0]
    sub esp, 0x4c
    mov ebp, esp
    mov ebx, [ebp+0x60]
    mov edi, [ebp+0x68]
    mov dword ptr [ebp+8], 0xbadb0d00
    mov [ebp], ebx
    mov [ebp+4], edi
    .globl _KiFastCallEntryFrameMade
_KiFastCallEntryFrameMade:
    mov esi, fs:[0x124]
    mov [esi+THREAD_TRAP_FRAME], ebp
    cmp eax, dword ptr [KiServiceLimit]
    jae 1f
    movzx ecx, byte ptr [KiArgumentTable+eax]
    mov ebx, dword ptr [KiServiceTable+eax*4]
    sub esp, ecx
    shr ecx, 2
    lea esi, [edx+8]
    mov edi, esp
    rep movsd
    call ebx
2:  mov esp, ebp
    mov ecx, fs:[0x124]
    mov dword ptr [ecx+THREAD_TRAP_FRAME], 0
    mov ebx, [ebp+0x4c]
    mov fs:[0], ebx
    lea esp, [ebp+0x54]
    pop edi
    pop esi
    pop ebx
    pop ebp
    add esp, 4
    iretd
1:  mov eax, 0xc000001c
    jmp 2b

// A page fault: the processor pushed an error code.
    function _KiTrap0E
    enter_trap
    mov edi, cr2
    push dword ptr [ebp+0x68]
    push dword ptr [ebp+0x64]
    call _MmAccessFault@8
    test eax, eax
    js 1f
    leave_trap
1:  push 0
    push dword ptr [ebp+0x68]
    push 0
    push 2
    push edi
    push 0xd1
    call _KeBugCheckEx@20
    nop

// The double fault's task: entered by a task gate, on its own stack.
    function _KiTrap08
    cli
    mov ebp, esp
    push 0
    push 0
    push 0
    push 8
    push 0x7f
    call _KeBugCheckEx@20
    hlt

// Takes the caller's context and stops the machine.
    function _KeBugCheckEx@20
    mov edi, edi
    push ebp
    mov ebp, esp
    mov ecx, fs:[0x20]
    push dword ptr [ecx+PRCB_CONTEXT]
    call _RtlCaptureContext@4
    .globl _KeBugCheckExHalt
_KeBugCheckExHalt:
    hlt

// An interrupt, without an error code; its slot is made here.
    function _KiInterruptDispatch
    push 0
    enter_trap
    push ebp
    call _KiProcessInterrupt@4
    leave_trap

// The software interrupt that DPCs are run by, below DISPATCH_LEVEL.
    function _KiDpcInterrupt
    push 0
    enter_trap
    call _KiDispatchInterrupt@0
    leave_trap

// Runs the processor's DPCs on its DPC stack, where the old stack pointer is the oldest thing.
    function _KiDispatchInterrupt@0
    .cv_fpo_proc _KiDispatchInterrupt@0 0
    push ebx
    .cv_fpo_pushreg ebx
    push dword ptr fs:[0]
    .cv_fpo_stackalloc 4
    .cv_fpo_endprologue
    mov ebx, fs:[0x20]
    mov dword ptr fs:[0], 0xffffffff
    mov edx, esp
    mov esp, [ebx+PRCB_DPC_STACK]
    push edx
    push ebx
    call _KiRetireDpcList@4
    pop esp
    pop dword ptr fs:[0]
    pop ebx
    ret
    .cv_fpo_endproc

// Waits for an interrupt.
    function _HalProcessorIdle@0
    sti
    .globl _HalProcessorIdleHalt
_HalProcessorIdleHalt:
    hlt
    ret

// Runs callout(parameter) on the stack whose frames end at the third argument (its InitialStack),
// leaving this stack's pointer where the fourth says. EBP leads back.
    function _KeSwitchKernelStackAndCallout@16
    .cv_fpo_proc _KeSwitchKernelStackAndCallout@16 16
    push ebp
    .cv_fpo_pushreg ebp
    mov ebp, esp
    .cv_fpo_setframe ebp
    push ebx
    .cv_fpo_pushreg ebx
    .cv_fpo_endprologue
    mov eax, [ebp+0x14]
    mov ecx, [ebp+8]
    mov edx, [ebp+0xc]
    mov [eax], esp
    mov esp, [ebp+0x10]
    push ecx
    call edx
    lea esp, [ebp-4]
    pop ebx
    pop ebp
    ret 16
    .cv_fpo_endproc

// KiSwapContext(ecx = the running thread, edx = the next): the nonvolatile registers, then the stacks
// change.
    function "@KiSwapContext@8"
    .cv_fpo_proc "@KiSwapContext@8" 0
    push ebx
    .cv_fpo_pushreg ebx
    push esi
    .cv_fpo_pushreg esi
    push edi
    .cv_fpo_pushreg edi
    push ebp
    .cv_fpo_pushreg ebp
    .cv_fpo_endprologue
    mov edi, ecx
    mov esi, edx
    call SwapContext
    pop ebp
    pop edi
    pop esi
    pop ebx
    ret
    .cv_fpo_endproc

// From EDI's stack to ESI's.
    function SwapContext
    push 0
    push dword ptr fs:[0]
    mov [edi+THREAD_KERNEL_STACK], esp
    .globl SwapContextSaved
SwapContextSaved:
    mov fs:[0x124], esi
    mov ecx, [esi+THREAD_INITIAL_STACK]
    sub ecx, 0x10
    mov eax, fs:[0x40]
    mov [eax+4], ecx
    mov esp, [esi+THREAD_KERNEL_STACK]
    pop dword ptr fs:[0]
    add esp, 4
    ret

// RtlCaptureContext(context): the CONTEXT of the caller as it will be when this returns.
    function _RtlCaptureContext@4
    .cv_fpo_proc _RtlCaptureContext@4 4
    push ebx
    .cv_fpo_pushreg ebx
    .cv_fpo_endprologue
    mov ebx, [esp+8]
    mov [ebx+0xb0], eax
    mov [ebx+0xac], ecx
    mov [ebx+0xa8], edx
    mov eax, [esp]
    mov [ebx+0xa4], eax
    mov [ebx+0xa0], esi
    mov [ebx+0x9c], edi
    mov [ebx+0xb4], ebp
    mov eax, [esp+4]
    mov [ebx+0xb8], eax
    lea eax, [esp+0xc]
    mov [ebx+0xc4], eax
    pushfd
    pop dword ptr [ebx+0xc0]
    mov dword ptr [ebx+0xbc], 8
    mov dword ptr [ebx+0xc8], 0x10
    mov dword ptr [ebx+0x90], 0x30
    mov dword ptr [ebx+0x94], 0x23
    mov dword ptr [ebx+0x98], 0x23
    mov dword ptr [ebx], 0x10007
    pop ebx
    ret 4
    .cv_fpo_endproc

    .section .rdata, "dr"
    .p2align 2
KiServiceTable:
    .long _NtCreateFile@24
    .long _NtQueryFullAttributesFile@8
    .long _NtClose@4
KiServiceLimit:
    .long (KiServiceLimit - KiServiceTable) / 4
KiArgumentTable:
    .byte 24, 8, 4

    .section .debug$S, "dr"
    .p2align 2
    .long 4
    .cv_fpo_data _KiDispatchInterrupt@0
    .cv_fpo_data _KeSwitchKernelStackAndCallout@16
    .cv_fpo_data "@KiSwapContext@8"
    .cv_fpo_data _RtlCaptureContext@4
    .cv_stringtable
