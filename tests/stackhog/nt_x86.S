// What of nt the story does not make: its entries as macros, which the story's places are given to, and its variables. The
// layouts are those of the public KTRAP_FRAME, up to Windows 8.0.
    .intel_syntax noprefix
    .set THREAD_TRAP_FRAME, 0x128

// The rest of a trap frame, from an error code on; EBP stays at it.
    .macro KI_ENTER_TRAP
    push ebp
    push ebx
    push esi
    push edi
    .byte 0x0f, 0xa0  // push fs, four bytes of it
    push dword ptr fs:[0]
    push 0
    push eax
    push ecx
    push edx
    .byte 0x1e, 0x06, 0x0f, 0xa8  // push ds, es, gs
    sub esp, 0x30
    mov ebp, esp
    mov ebx, [ebp+0x60]
    mov edi, [ebp+0x68]
    mov dword ptr [ebp+8], 0xbadb0d00
    mov [ebp], ebx
    mov [ebp+4], edi
    .endm

// From kernel mode, called by a Zw function with flags and CS on the stack: EDX leads to the arguments.
    .macro KI_SYSTEM_SERVICE
    .globl _KiSystemService
_KiSystemService:
    push 0
    KI_ENTER_TRAP
    mov ebp, esp
    mov edx, [ebp+0x3c]
    mov eax, [ebp+0x44]
    jmp ki_service
    .endm

// From user mode: EDX = user ESP, EAX = service number. The user's EIP is SharedUserData's.
    .macro KI_FAST_CALL_ENTRY
    .globl _KiFastCallEntry
_KiFastCallEntry:
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
    add edx, 8
ki_service:
    mov esi, fs:[0x124]
    mov [esi+THREAD_TRAP_FRAME], ebp
    movzx ecx, byte ptr [ki_argument_table+eax]
    mov ebx, dword ptr [ki_service_table+eax*4]
    sub esp, ecx
    shr ecx, 2
    mov esi, edx
    mov edi, esp
    rep movsd
    jmp ki_service_call
    .endm
    .macro KI_SERVICE_CALL
ki_service_call:
    call ebx
    mov esp, ebp
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
    .endm

    .macro ZW_CLOSE
    .globl "_ZwClose@4", site_8082e811
"_ZwClose@4":
site_8082e811:
    mov eax, 1
    lea edx, [esp+4]
    pushfd
    push 8
    call _KiSystemService
    ret 4
    .endm

// A page fault: the processor pushed an error code.
    .macro KI_TRAP_0E
    .globl __KiTrap0E
__KiTrap0E:
    KI_ENTER_TRAP
    mov edi, cr2
    push ebp
    push 0
    push edi
    push dword ptr [ebp+0x64]
    jmp ki_trap_0e_call
    .endm
    .macro KI_TRAP_0E_CALL
ki_trap_0e_call:
    call "_MmAccessFault@16"
    mov ebx, [ebp+0x4c]
    mov fs:[0], ebx
    mov edx, [ebp+0x3c]
    mov ecx, [ebp+0x40]
    mov eax, [ebp+0x44]
    lea esp, [ebp+0x54]
    pop edi
    pop esi
    pop ebx
    pop ebp
    add esp, 4
    iretd
    .endm

// Never called in the story: what an earlier call of it left lies on the stack.
    .macro MM_IS_ADDRESS_VALID
    .byte 0x8b, 0xff, 0x8b, 0xff, 0x8b, 0xff, 0x8b, 0xff, 0x8b, 0xff
    .globl "_MmIsAddressValid@4"
"_MmIsAddressValid@4":
    push ebp
    .byte 0x8b, 0xec
    push ecx
    push ecx
    push dword ptr [ebp+8]
    .byte 0x8b, 0xff
    call mi_is_address_valid
    leave
    ret 4
mi_is_address_valid:
    xor eax, eax
    ret 4
    .endm

// The double fault's task: entered by a task gate, on its own stack. And what the other processors are in.
    .macro KI_TRAP_08
    .globl _KiTrap08, "_KeBugCheckEx@20", _KiIdleLoop, _HalProcessorIdleHalt, "_HalProcessorIdle@0"
_KiTrap08:
    cli
    mov ebp, esp
    push 0
    push 0
    push 0
    push 8
    push 0x7f
    call "_KeBugCheckEx@20"
    hlt
    .p2align 4, 0xcc
"_KeBugCheckEx@20":
    mov edi, edi
    push ebp
    .byte 0x8b, 0xec
    hlt
    .p2align 4, 0xcc
_KiIdleLoop:
    call "_HalProcessorIdle@0"
    jmp _KiIdleLoop
    .p2align 4, 0xcc
"_HalProcessorIdle@0":
    sti
_HalProcessorIdleHalt:
    hlt
    ret
    .endm

    .macro NT_VARIABLE name, size
    .globl _\name
    .p2align 4
_\name:
    .zero \size
    .endm
    .macro NT_LIST name
    .globl _\name
_\name:
    .long _\name, _\name
    .endm
    .section .pagedata, "dw"
ki_service_table:
    .long "_NtDeviceIoControlFile@40", "_NtClose@4"
ki_argument_table:
    .byte 40, 4
    NT_VARIABLE KdDebuggerDataBlock, 0x380
    NT_LIST PsLoadedModuleList
    NT_LIST PsActiveProcessHead
    NT_LIST ExpSystemResourcesList
    NT_VARIABLE KiProcessorBlock, 0x100
    NT_VARIABLE MmUnloadedDrivers, 8
    NT_VARIABLE MmLastUnloadedDriver, 8
