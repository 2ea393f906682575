// Bindings of the local APIC. Its Python face is engine/devices/local_apic.py.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <utility>

#include "clock.h"
#include "cpu_model.h"
#include "local_apic.h"
#include "python_calls.h"
#include "vcpu.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace bancada {
namespace {

// One place for the names of what is saved: reads and writes go the same way.
template <typename Registers, typename Visit>
void each_register(Registers& r, Visit visit) {
  visit("base", r.base);
  visit("id", r.id);
  visit("tpr", r.tpr);
  visit("ldr", r.ldr);
  visit("dfr", r.dfr);
  visit("svr", r.svr);
  visit("esr", r.esr);
  visit("icr_low", r.icr_low);
  visit("icr_high", r.icr_high);
  visit("errors", r.errors);
  visit("lvt", r.lvt);
  visit("isr", r.isr);
  visit("tmr", r.tmr);
  visit("irr", r.irr);
  visit("initial_count", r.initial_count);
  visit("divide", r.divide);
  visit("count", r.count);
  visit("count_since_ns", r.count_since_ns);
  visit("lint0", r.lint0);
  visit("lint1", r.lint1);
  visit("ext_int", r.ext_int);
  visit("is_bypassed", r.is_bypassed);
}

nb::dict save(const LocalApic& apic) {
  nb::dict values;
  each_register(apic.registers(), [&](const char* name, const auto& value) { values[name] = value; });
  return values;
}

void load(LocalApic& apic, const Clock& clock, const nb::dict& values) {
  LocalApic::Registers registers{};
  try {
    each_register(registers, [&](const char* name, auto& value) {
      value = nb::cast<std::remove_reference_t<decltype(value)>>(values[name]);
    });
  } catch (const nb::cast_error&) {
    throw nb::value_error("a register of the local APIC is of another kind");
  }
  if (!LocalApic::is_valid(registers) || registers.count_since_ns > clock.now_ns())
    throw nb::value_error("impossible registers of the local APIC");
  apic.load(registers);
}

void connect(const std::shared_ptr<LocalApic>& apic, Vcpu& cpu, Bus& bus, nb::object end_of_interrupt) {
  cpu.local_apic = apic;
  apic->intr = [&cpu](bool level) { cpu.set_intr(level); };
  apic->nmi = [&cpu] { cpu.raise_nmi(); };
  apic->end_of_interrupt = [held = hold(std::move(end_of_interrupt))](uint8_t vector) {
    if (held) in_python([&] { (*held)(vector); });
  };
  apic->attach(bus);
}

}  // namespace
}  // namespace bancada

void bind_apic(nb::module_& module) {
  using namespace bancada;

  module.def(
      "model_has_local_apic",
      [](const std::string& model) { return cpu_facts(parse_cpu_model(model)).has(FEATURE_APIC); }, "cpu_model"_a);

  module.def(
      "model_identification",
      [](const std::string& model) {
        const CpuFacts& facts = cpu_facts(parse_cpu_model(model));
        return nb::make_tuple(facts.signature, facts.features, facts.long_name);
      },
      "cpu_model"_a);

  nb::class_<LocalApic>(module, "LocalApic")
      .def(nb::init<Clock&>(), "clock"_a, nb::keep_alive<1, 2>())
      .def("connect", &connect, "cpu"_a, "bus"_a, "end_of_interrupt"_a.none())
      .def("disconnect",
           [](LocalApic& apic) {
             apic.intr = nullptr;
             apic.nmi = nullptr;
             apic.end_of_interrupt = nullptr;
           })
      .def("reset", &LocalApic::reset)
      .def("set_lint0", &LocalApic::set_lint0, "level"_a)
      .def("set_lint1", &LocalApic::set_lint1, "level"_a)
      .def("message", &LocalApic::message, "vector"_a, "delivery"_a, "level"_a, "destination"_a, "logical"_a)
      .def("acknowledge", &LocalApic::acknowledge)
      .def("write_base", &LocalApic::write_base, "value"_a)
      .def("read", &LocalApic::read, "offset"_a, "size"_a)
      .def("write", &LocalApic::write, "offset"_a, "value"_a, "size"_a)
      .def("save", &save)
      .def("load", &load, "clock"_a, "values"_a)
      .def_prop_ro_static("TIMER_TICK_NS", [](nb::handle) { return LocalApic::TIMER_TICK_NS; });
}
