"""Looking into a machine from outside: what people who write boot loaders and kernels need.

debugger.py     Breakpoints, watchpoints, single steps, registers and linear memory of a machine
gdb_packets.py  The GDB remote protocol's packets
gdb_stub.py     Its commands
gdb_server.py   A socket that GDB connects to
"""
