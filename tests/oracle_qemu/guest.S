# A guest of one sector: it fills memory with words that tell their places, makes page tables, sets registers to values
# that the test knows, and halts. With WIDE it ends in 64-bit mode, else in 32-bit protected mode with paging.
  .code16
  .globl _start
_start:
  cli
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movw $0x7000, %sp
  inb $0x92, %al              # A20
  orb $2, %al
  outb %al, $0x92
  lgdtl gdt_pointer
  movl %cr0, %eax
  orb $1, %al
  movl %eax, %cr0
  ljmpl $8, $protected

  .code32
protected:
  movw $16, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  cld
  movl $0x100000, %edi        # 2 MB of words, each from its own address
fill:
  imull $0x9e3779b1, %edi, %eax
  stosl
  cmpl $0x300000, %edi
  jne fill
  movl $0x9000, %edi          # page tables: three pages of zeros first
  movl $0xc00, %ecx
  xorl %eax, %eax
  rep stosl
#ifdef WIDE
  movl $0xa023, 0x9000        # identity
  movl $0x9023, 0x9f68        # entry 0x1ed: the tables themselves
  movl $0xa023, 0x9f80        # entry 0x1f0: the same memory at fffff800'00000000
  movl $0xa023, 0x9ff8        # entry 0x1ff
  movl $0xb023, 0xa000
  movl $0x0000a3, 0xb000      # pages of 2 MB
  movl $0x2000a3, 0xb008
  movl $0x20, %eax            # PAE
  movl %eax, %cr4
  movl $0x9000, %eax
  movl %eax, %cr3
  movl $0xc0000080, %ecx      # EFER.LME
  rdmsr
  orl $0x100, %eax
  wrmsr
  movl %cr0, %eax
  orl $0x80000000, %eax
  movl %eax, %cr0
  ljmpl $24, $wide
  .code64
wide:
  movl $0xc0000101, %ecx      # the base of GS
  movl $0x12345000, %eax
  movl $0xfffff801, %edx
  wrmsr
  movabsq $0xfffff80000007a00, %rsp
  movabsq $0x1111111111111111, %rbx
  movabsq $0x2222222222222222, %rbp
  movabsq $0x3333333333333333, %rsi
  movabsq $0x8888888888888888, %r8
  movabsq $0xffff5555ffff5555, %r15
#else
  movl $0x000000a3, 0x9000    # pages of 4 MB
  movl $0x000000a3, 0x9800    # the same memory at 80000000
  movl $0x00009023, 0x9c00    # entry 0x300: the tables themselves
  movl $0x10, %eax            # PSE
  movl %eax, %cr4
  movl $0x9000, %eax
  movl %eax, %cr3
  movl %cr0, %eax
  orl $0x80000000, %eax
  movl %eax, %cr0
  movl $0x80007a00, %esp
  movl $0x11111111, %ebx
  movl $0x22222222, %ebp
  movl $0x33333333, %esi
#endif
  movl $0x600d600d, 0x500     # done
halt:
  hlt
  jmp halt

  .balign 8
gdt:
  .quad 0
  .quad 0x00cf9a000000ffff    # 8: code, 32 bits
  .quad 0x00cf92000000ffff    # 16: data
  .quad 0x00af9a000000ffff    # 24: code, 64 bits
gdt_pointer:
  .word . - gdt - 1
  .long gdt
  .org 510
  .word 0xaa55
