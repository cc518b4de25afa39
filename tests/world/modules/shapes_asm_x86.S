// The 32-bit shapes that only assemblers, or other compilers than ours, write. Each is stdcall and takes
// two numbers; none has a frame record.

    .intel_syntax noprefix
    .text

    .macro function name
    .globl "\name"
    .def "\name"
    .scl 2
    .type 32
    .endef
    .p2align 4, 0xcc
"\name":
    .endm

// Moves ESP down by EAX, a page at a time, and takes its return address along.
    function __chkstk
    push ecx
    lea ecx, [esp+8]
    sub ecx, eax
    push edx
    mov edx, esp
1:  sub edx, 0x1000
    cmp edx, ecx
    jb 2f
    test byte ptr [edx], 0
    jmp 1b
2:  pop edx
    mov eax, esp
    mov esp, ecx
    mov ecx, [eax]
    mov eax, [eax+4]
    push eax
    ret
    .globl __chkstk_end
__chkstk_end:

// Never called: nothing raises an exception here.
    function __except_handler3
    mov eax, 1
    ret

// From here nobody comes back: whoever runs it stops at the HLT.
    function _ShapeBugCheck@8
    push ebx
    mov ebx, [esp+8]
    push ebx
    push ebx
    call _AsmLeaf@8
    .globl _ShapeBugCheckHalt
_ShapeBugCheckHalt:
    hlt

    function _AsmLeaf@8
    mov eax, [esp+4]
    test eax, eax
    je 1f
    xor eax, [esp+8]
    ret 8
1:  ret 8

// The one that calls back into C.
    function _ShapeAsmCallee@8
    push ebx
    push esi
    mov ebx, [esp+0xc]
    mov esi, [esp+0x10]
    push ebx
    push ebx
    call esi
    add eax, ebx
    push ebx
    push eax
    call esi
    pop esi
    pop ebx
    ret 8

// Every nonvolatile register, EBP for a number.
    function _AsmPushAll@8
    push ebx
    push ebp
    push esi
    push edi
    mov ebp, [esp+0x14]
    mov edi, [esp+0x18]
    push ebp
    push edi
    call _AsmLeaf@8
    lea ebp, [eax+edi]
    push ebp
    push 3
    call _AsmLeaf@8
    pop edi
    pop esi
    pop ebp
    pop ebx
    ret 8

// As MSVC begins a function that can be patched; it ends with LEAVE.
    function _AsmHotPatch@8
    mov edi, edi
    push ebp
    mov ebp, esp
    sub esp, 0x48
    push esi
    mov esi, [ebp+8]
    push dword ptr [ebp+0xc]
    push esi
    call _AsmLeaf@8
    mov [ebp-0x10], eax
    pop esi
    leave
    ret 8

// An aligned frame, by EBX as other compilers do: it holds what EBP does elsewhere.
    function _AsmAligned@8
    push ebx
    mov ebx, esp
    sub esp, 8
    and esp, -32
    sub esp, 0x40
    push dword ptr [ebx+8]
    push dword ptr [ebx+0xc]
    call _AsmLeaf@8
    mov [esp+8], eax
    mov esp, ebx
    pop ebx
    ret 8

// Arguments of several cdecl calls are removed at once.
    function AsmCdecl
    mov eax, [esp+4]
    add eax, [esp+8]
    ret
    function _AsmLateCleanUp@8
    push edi
    mov edi, [esp+8]
    push edi
    push 7
    call AsmCdecl
    push eax
    push edi
    call AsmCdecl
    push eax
    push eax
    call AsmCdecl
    add esp, 0x18
    pop edi
    ret 8

// The frame is made by a function that is called for it, as MSVC's handlers' frames are.
    function AsmMakeFrame
    push dword ptr fs:[0]
    mov eax, [esp+8]
    mov [esp+8], ebp
    lea ebp, [esp+8]
    sub esp, eax
    push ebx
    push esi
    push edi
    push dword ptr [ebp-4]
    ret
    function AsmRemoveFrame
    mov ecx, [ebp-8]
    mov fs:[0], ecx
    pop edx
    pop edi
    pop esi
    pop ebx
    mov esp, ebp
    pop ebp
    jmp edx
    function _AsmMadeFrame@8
    push 0x30
    call AsmMakeFrame
    mov esi, [ebp+8]
    push esi
    push dword ptr [ebp+0xc]
    call _AsmLeaf@8
    push eax
    push esi
    call _AsmPushAll@8
    call AsmRemoveFrame
    ret 8

// Leaves by a jump, the arguments being its own.
    function _AsmTail@8
    push ebx
    mov ebx, [esp+8]
    push ebx
    push ebx
    call _AsmLeaf@8
    pop ebx
    jmp _AsmPushAll@8

    function _DriverEntry@0
    xor eax, eax
    ret

    .globl __fltused
    .set __fltused, 0x9875
