// The kernel's calls into the driver on x86; see stubs_x64.S. Arguments are on the stack and the
// one who is called takes them from it, so a jump to another function must leave the stack as if
// its arguments, and nothing else, had been pushed by our caller.
//
// Frame, from esp: c outgoing arguments; 68 Registers; c Departure.
        .globl  @feat.00                        // there is no exception handler here (SafeSEH)
        .set    @feat.00, 1
        .set    FRAME, 0xc + 0x68 + 0xc
        .set    REGISTERS, 0xc
        .set    DEPARTURE, 0xc + 0x68

        .macro  SAVE_WIDE register, offset
        movl    \register, REGISTERS + \offset(%esp)
        movl    $0, REGISTERS + \offset + 4(%esp)
        .endm

        // `bytes`: of the stub's own arguments.
        .macro  SAVE_CALLER bytes
        movl    FRAME(%esp), %eax
        SAVE_WIDE %eax, 0x00                    // ip
        leal    FRAME + 4 + \bytes(%esp), %eax  // sp once the stub has returned
        SAVE_WIDE %eax, 0x08
        SAVE_WIDE %ebx, 0x10
        SAVE_WIDE %ebp, 0x18
        SAVE_WIDE %esi, 0x20
        SAVE_WIDE %edi, 0x28
        xorl    %eax, %eax
        SAVE_WIDE %eax, 0x30
        SAVE_WIDE %eax, 0x38
        SAVE_WIDE %eax, 0x40
        SAVE_WIDE %eax, 0x48
        SAVE_WIDE %eax, 0x50
        SAVE_WIDE %eax, 0x58
        SAVE_WIDE %eax, 0x60
        .endm

        // `argument`: the place among the stub's arguments of what its routine takes.
        .macro  DEPARTING_STUB name, routine, bytes, argument
        .globl  \name
        .def    \name; .scl 2; .type 32; .endef
\name:
        subl    $FRAME, %esp
        SAVE_CALLER \bytes
        movl    FRAME + 4 + 4 * \argument(%esp), %eax
        movl    %eax, (%esp)
        leal    REGISTERS(%esp), %eax
        movl    %eax, 4(%esp)
        leal    DEPARTURE(%esp), %eax
        movl    %eax, 8(%esp)
        call    \routine
        movl    DEPARTURE(%esp), %eax           // target
        movl    DEPARTURE + 4(%esp), %edx       // argument
        movl    DEPARTURE + 8(%esp), %ecx       // how many arguments: 1 or 3
        addl    $FRAME, %esp
        testl   %eax, %eax
        jz      2f
        cmpl    $1, %ecx
        movl    (%esp), %ecx                    // the return address
        je      1f
        leal    4 + \bytes - 0x10(%esp), %esp   // may be lower than it is
        movl    %ecx, (%esp)
        movl    %edx, 4(%esp)
        movl    $0, 8(%esp)
        movl    $0, 12(%esp)
        jmpl    *%eax
1:      leal    4 + \bytes - 8(%esp), %esp
        movl    %ecx, (%esp)
        movl    %edx, 4(%esp)
        jmpl    *%eax
2:      ret     $\bytes
        .endm

        .text
        DEPARTING_STUB _ntstack_apc_stub, _ntstack_apc, 20, 0
        DEPARTING_STUB _ntstack_rundown_stub, _ntstack_rundown, 4, 0
        DEPARTING_STUB _ntstack_cancel_stub@8, _ntstack_cancel, 8, 1

        .globl  _ntstack_control_stub@8
        .def    _ntstack_control_stub@8; .scl 2; .type 32; .endef
_ntstack_control_stub@8:                        // (device, irp)
        subl    $FRAME, %esp
        SAVE_CALLER 8
        movl    FRAME + 8(%esp), %eax
        movl    %eax, (%esp)
        leal    REGISTERS(%esp), %eax
        movl    %eax, 4(%esp)
        call    _ntstack_control
        addl    $FRAME, %esp
        ret     $8
