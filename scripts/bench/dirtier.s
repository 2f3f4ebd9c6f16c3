# A guest without a system: touches so much memory that it counts as in use, then writes to so many random pages of a
# set a hundred times a second, and sleeps in between. Three numbers at the end of the sector say how much: pages in use
# (496), pages of the set (500), pages written at each tick (504). The bench assembles it and puts them there.
.intel_syntax noprefix
.code16
.org 0
start: cli
  xor ax,ax
  mov ds,ax
  in al,0x92
  or al,2
  out 0x92,al
  lgdt [0x7c00 + gdtr - start]
  mov eax,cr0
  or al,1
  mov cr0,eax
  .byte 0xea
  .word 0x7c00 + (pm - start)
  .word 8
.code32
pm: mov ax,0x10
  mov ds,ax
  mov es,ax
  mov ss,ax
  mov esp,0x7000
  # an interrupt table with one gate: the timer's
  mov edi,0x1000
  xor eax,eax
  mov ecx,18
  rep stosd
  mov dword ptr [0x1040],0x00080000 + 0x7c00 + (tick - start)
  mov dword ptr [0x1044],0x00008e00
  lidt [0x7c00 + (idtr - start)]
  # touch what is to be in use
  mov edi,0x200000
  mov ecx,[0x7df0]
fill: mov [edi],edi
  add edi,4096
  dec ecx
  jnz fill
  # 100 ticks a second, and no other interrupt
  mov al,0x34
  out 0x43,al
  mov al,0x9c
  out 0x40,al
  mov al,0x2e
  out 0x40,al
  mov al,0xfe
  out 0x21,al
  mov al,0xff
  out 0xa1,al
  mov esi,12345
loop: sti
  hlt
  cli
  mov ecx,[0x7df8]
  jecxz loop
write: imul esi,esi,1664525
  add esi,1013904223
  mov eax,esi
  shr eax,8
  xor edx,edx
  div dword ptr [0x7df4]
  shl edx,12
  inc dword ptr [edx+0x200000]
  dec ecx
  jnz write
  jmp loop
tick: push eax
  mov al,0x20
  out 0x20,al
  pop eax
  iretd
 .balign 4
gdt: .quad 0
  .quad 0x00cf9a000000ffff
  .quad 0x00cf92000000ffff
gdtr: .word 23
  .long 0x7c00 + (gdt - start)
idtr: .word 71
  .long 0x1000
