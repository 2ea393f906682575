// The Python module engine._core: bindings, nothing else. Its Python face is engine/_core.pyi.
#include <nanobind/nanobind.h>

void bind_machine(nanobind::module_& module);
void bind_apic(nanobind::module_& module);
void bind_vga(nanobind::module_& module);

NB_MODULE(_core, module) {
  module.doc() = "The native core of Bancada: processor, memory, bus, guest clock and video memory.";
  // The machine takes its cycles apart itself (Machine.close); what is left at exit is no leak worth a report.
  nanobind::set_leak_warnings(false);
  bind_machine(module);
  bind_apic(module);
  bind_vga(module);
}
