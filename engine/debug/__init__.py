"""Looking into a machine from outside: what people who write boot loaders and kernels need.

debugger.py     Breakpoints, watchpoints, single steps, registers and linear memory of a machine
address.py      What people type for an address
disassembly.py  Guest code as text
descriptors.py  GDT, LDT and IDT as text
page_tables.py  What the page tables map, as ranges
device_state.py The registers of every device as text
gdb_packets.py  The GDB remote protocol's packets
gdb_stub.py     Its commands
gdb_server.py   A socket that GDB connects to
"""
