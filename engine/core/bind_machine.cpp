// Bindings of memory, bus, clock and processors.
//
// Guest code runs with the GIL released; every way back into Python takes it (measured: 0.13 us).
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "bus.h"
#include "clock.h"
#include "cpu_model.h"
#include "handler_failure.h"
#include "interpreter/interpreter.h"
#include "physical_memory.h"
#include "post_code_port.h"
#include "python_calls.h"
#include "translator/translator.h"
#include "vcpu.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace bancada {
namespace {

// Memory handed over for writing or for one write, from any contiguous bytes-like object.
class Buffer {
 public:
  explicit Buffer(nb::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw nb::python_error();
  }
  ~Buffer() { PyBuffer_Release(&view_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  const uint8_t* data() const { return static_cast<const uint8_t*>(view_.buf); }
  size_t size() const { return static_cast<size_t>(view_.len); }

 private:
  Py_buffer view_;
};

// engine.bus.PortRange
class PythonPorts final : public PortHandler {
 public:
  PythonPorts(nb::object read, nb::object write) : read_(hold(std::move(read))), write_(hold(std::move(write))) {}

  uint32_t read(uint16_t offset, int size) override {
    uint32_t value = 0xFFFFFFFF;
    if (read_) in_python([&] { value = to_register((*read_)(offset, size)); });
    return value;
  }
  void write(uint16_t offset, uint32_t value, int size) override {
    if (write_) in_python([&] { (*write_)(offset, value, size); });
  }

 private:
  Held read_, write_;
};

// engine.bus.Port
class PythonRegister final : public PortHandler {
 public:
  PythonRegister(int width, nb::object read, nb::object write, nb::object read_block, nb::object write_block)
      : width_(width),
        read_(hold(std::move(read))),
        write_(hold(std::move(write))),
        read_block_(hold(std::move(read_block))),
        write_block_(hold(std::move(write_block))) {}

  uint32_t read(uint16_t, int) override {
    uint32_t value = 0xFFFFFFFF;
    if (read_) in_python([&] { value = to_register((*read_)()); });
    return value;
  }
  void write(uint16_t, uint32_t value, int) override {
    if (write_) in_python([&] { (*write_)(value); });
  }
  void read_block(uint16_t offset, uint8_t* to, uint32_t count, int size) override {
    if (!read_block_ || size != width_) return PortHandler::read_block(offset, to, count, size);
    const size_t bytes = static_cast<size_t>(count) * static_cast<size_t>(size);
    std::memset(to, 0xFF, bytes);
    in_python([&] {
      const nb::object got = (*read_block_)(count);
      const Buffer buffer(got);
      std::memcpy(to, buffer.data(), std::min(bytes, buffer.size()));
    });
  }
  void write_block(uint16_t offset, const uint8_t* from, uint32_t count, int size) override {
    if (!write_block_ || size != width_) return PortHandler::write_block(offset, from, count, size);
    in_python([&] {
      (*write_block_)(
          nb::bytes(reinterpret_cast<const char*>(from), static_cast<size_t>(count) * static_cast<size_t>(size)));
    });
  }

 private:
  int width_;
  Held read_, write_, read_block_, write_block_;
};

class PythonMmio final : public MmioHandler {
 public:
  PythonMmio(nb::object read, nb::object write) : read_(hold(std::move(read))), write_(hold(std::move(write))) {}

  uint32_t read(uint32_t offset, int size) override {
    uint32_t value = 0xFFFFFFFF;
    if (read_) in_python([&] { value = to_register((*read_)(offset, size)); });
    return value;
  }
  void write(uint32_t offset, uint32_t value, int size) override {
    if (write_) in_python([&] { (*write_)(offset, value, size); });
  }

 private:
  Held read_, write_;
};

const char* exit_name(ExitReason reason) {
  switch (reason) {
    case ExitReason::stop_requested:
      return "stop";
    case ExitReason::shutdown:
      return "shutdown";
    case ExitReason::debugger:
      return "debugger";
    case ExitReason::firmware_halt:
      return "halt";
  }
  return "stop";
}

// No object with a destructor may live in this frame beside the guard: siglongjmp comes back to it.
template <typename Run>
ExitReason run_guarded(Vcpu& vcpu, Run run) {
  HostFaultGuard guard(vcpu.mender());
  if (sigsetjmp(guard.place(), 1) != 0) throw HostFault(vcpu.host_faulted(guard.facts()));
  return run();
}

// A crash report reads the memory of a machine that may have died of it.
bool read_guarded(Vcpu& vcpu, uint32_t linear, void* to, uint32_t length) {
  HostFaultGuard guard;
  if (sigsetjmp(guard.place(), 1) != 0) return false;
  return vcpu.read_linear(linear, to, length);
}

template <typename Run>
const char* run_guest(Vcpu& vcpu, Run run) {
  HandlerFailure failure(vcpu);
  ExitReason reason;
  {
    nb::gil_scoped_release released;
    reason = run_guarded(vcpu, run);
  }
  if (failure.error) std::rethrow_exception(failure.error);
  return exit_name(reason);
}

// The registers by name, for debuggers, tests and the Python API.
struct RegisterName {
  const char* name;
  uint32_t& (*at)(CpuState&);
};

constexpr RegisterName REGISTERS[] = {
    {"eax", [](CpuState& s) -> uint32_t& { return s.gpr[EAX]; }},
    {"ecx", [](CpuState& s) -> uint32_t& { return s.gpr[ECX]; }},
    {"edx", [](CpuState& s) -> uint32_t& { return s.gpr[EDX]; }},
    {"ebx", [](CpuState& s) -> uint32_t& { return s.gpr[EBX]; }},
    {"esp", [](CpuState& s) -> uint32_t& { return s.gpr[ESP]; }},
    {"ebp", [](CpuState& s) -> uint32_t& { return s.gpr[EBP]; }},
    {"esi", [](CpuState& s) -> uint32_t& { return s.gpr[ESI]; }},
    {"edi", [](CpuState& s) -> uint32_t& { return s.gpr[EDI]; }},
    {"eip", [](CpuState& s) -> uint32_t& { return s.eip; }},
    {"eflags", [](CpuState& s) -> uint32_t& { return s.eflags; }},
    {"cr0", [](CpuState& s) -> uint32_t& { return s.cr0; }},
    {"cr2", [](CpuState& s) -> uint32_t& { return s.cr2; }},
    {"cr3", [](CpuState& s) -> uint32_t& { return s.cr3; }},
    {"cr4", [](CpuState& s) -> uint32_t& { return s.cr4; }},
    {"dr0", [](CpuState& s) -> uint32_t& { return s.dr[0]; }},
    {"dr1", [](CpuState& s) -> uint32_t& { return s.dr[1]; }},
    {"dr2", [](CpuState& s) -> uint32_t& { return s.dr[2]; }},
    {"dr3", [](CpuState& s) -> uint32_t& { return s.dr[3]; }},
    {"dr6", [](CpuState& s) -> uint32_t& { return s.dr[6]; }},
    {"dr7", [](CpuState& s) -> uint32_t& { return s.dr[7]; }},
    {"gdtr_base", [](CpuState& s) -> uint32_t& { return s.gdtr.base; }},
    {"idtr_base", [](CpuState& s) -> uint32_t& { return s.idtr.base; }},
    {"mxcsr", [](CpuState& s) -> uint32_t& { return s.mxcsr; }},
};

constexpr const char* SEGMENT_NAMES[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

Segment& segment_at(CpuState& state, size_t index) {
  if (index < state.seg.size()) return state.seg[index];
  return index == 6 ? state.ldtr : state.tr;
}

constexpr const char* XMM_NAMES[] = {"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"};

// As one integer of 128 bits.
nb::object xmm_value(const Xmm& value) {
  nb::object low = nb::steal(PyLong_FromUnsignedLongLong(value.lane[0]));
  if (value.lane[1] == 0) return low;
  return nb::int_(value.lane[1]).attr("__lshift__")(64).attr("__or__")(low);
}

WindowPolicy parse_window_policy(const std::string& name) {
  if (name == "auto") return WindowPolicy::when_it_pays;
  if (name == "always") return WindowPolicy::always;
  if (name == "never") return WindowPolicy::never;
  throw std::invalid_argument("windows: auto, always or never, not " + name);
}

// What the translator did so far; empty without one.
nb::dict translator_counters(const Interpreter& cpu) {
  nb::dict values;
  if (cpu.translator() == nullptr) return values;
  const TranslatorCounters& counters = cpu.translator()->counters();
  values["translations"] = counters.translations;
  values["bytes"] = counters.bytes;
  values["entries"] = counters.entries;
  values["bails"] = counters.bails;
  values["calls"] = counters.calls;
  values["links"] = counters.links;
  values["jumps"] = counters.jumps;
  values["drops"] = counters.drops;
  values["flushes"] = counters.flushes;
  const WindowCounters& windows = cpu.translator()->windows().counters();
  values["windows_opened"] = windows.opened;
  values["windows_closed"] = windows.closed;
  values["window_pages_mapped"] = windows.mapped;
  values["window_pages_unmapped"] = windows.unmapped;
  values["window_checks"] = windows.checks;
  values["window_faults"] = windows.faults;
  values["window_bails"] = counters.window_bails;
  return values;
}

nb::dict registers(Vcpu& vcpu) {
  CpuState& state = vcpu.state();
  nb::dict values;
  for (const RegisterName& entry : REGISTERS) values[entry.name] = entry.at(state);
  for (size_t i = 0; i < std::size(SEGMENT_NAMES); ++i) {
    const Segment& segment = segment_at(state, i);
    const std::string name = SEGMENT_NAMES[i];
    values[name.c_str()] = segment.selector;
    values[(name + "_base").c_str()] = segment.base;
    values[(name + "_limit").c_str()] = segment.limit;
    values[(name + "_access").c_str()] = segment.access;
  }
  for (size_t i = 0; i < std::size(XMM_NAMES); ++i) values[XMM_NAMES[i]] = xmm_value(state.xmm[i]);
  values["gdtr_limit"] = state.gdtr.limit;
  values["idtr_limit"] = state.idtr.limit;
  values["cpl"] = state.cpl;
  values["halted"] = static_cast<int>(state.halted);
  return values;
}

// ST(0) to ST(7) as integers of 80 bits, and the rest as FNSTENV shows it.
nb::dict x87_registers(Interpreter& cpu) {
  const X87State& x87 = cpu.state().x87;
  nb::dict values;
  uint32_t tags = 0;
  for (unsigned i = 0; i < 8; ++i) {
    const Float80& value = x87.st[(x87.top + i) & 7];
    values[("st" + std::to_string(i)).c_str()] =
        nb::int_(value.sign_exponent).attr("__lshift__")(64).attr("__or__")(nb::int_(value.significand));
    if ((x87.tag_empty >> i) & 1) tags |= 3u << (2 * i);
  }
  values["fctrl"] = x87.control;
  values["fstat"] = x87.status | x87.top << 11;
  values["ftag"] = tags;
  values["fiseg"] = x87.last_cs;
  values["fioff"] = x87.last_ip;
  values["foseg"] = x87.last_ds;
  values["fooff"] = x87.last_dp;
  values["fop"] = x87.last_opcode;
  return values;
}

// One settable value: true when `name` was it.
bool set_register(CpuState& state, const std::string& name, uint32_t value) {
  for (const RegisterName& entry : REGISTERS) {
    if (name == entry.name) {
      entry.at(state) = value;
      return true;
    }
  }
  for (size_t i = 0; i < std::size(SEGMENT_NAMES); ++i) {
    const std::string prefix = SEGMENT_NAMES[i];
    Segment& segment = segment_at(state, i);
    if (name == prefix) {
      // Outside protected mode a selector is its base.
      segment.selector = static_cast<uint16_t>(value);
      if (!state.protected_mode() || state.v86()) segment.base = (value & 0xFFFF) << 4;
    } else if (name == prefix + "_base") {
      segment.base = value;
    } else if (name == prefix + "_limit") {
      segment.limit = value;
    } else if (name == prefix + "_access") {
      segment.access = static_cast<uint16_t>(value);
    } else {
      continue;
    }
    segment.update_spans();
    return true;
  }
  if (name == "cpl") {
    state.cpl = value & 3;
  } else if (name == "gdtr_limit") {
    state.gdtr.limit = static_cast<uint16_t>(value);
  } else if (name == "idtr_limit") {
    state.idtr.limit = static_cast<uint16_t>(value);
  } else if (name == "halted") {
    state.halted = value != 0;
  } else {
    return false;
  }
  return true;
}

// True when `name` was an XMM register's.
bool set_xmm(CpuState& state, const std::string& name, nb::handle value) {
  for (size_t i = 0; i < std::size(XMM_NAMES); ++i) {
    if (name != XMM_NAMES[i]) continue;
    state.xmm[i].lane[0] = PyLong_AsUnsignedLongLongMask(value.ptr());
    state.xmm[i].lane[1] = PyLong_AsUnsignedLongLongMask(nb::object(value.attr("__rshift__")(64)).ptr());
    return true;
  }
  return false;
}

void set_registers(Vcpu& vcpu, const nb::dict& values) {
  CpuState& state = vcpu.state();
  for (const auto& [key, value] : values) {
    const auto name = nb::cast<std::string>(key);
    if (set_xmm(state, name, value)) continue;
    if (!set_register(state, name, to_register(nb::borrow(value)))) throw nb::key_error(name.c_str());
  }
  vcpu.state_changed();
}

static_assert(std::is_trivially_copyable_v<CpuState>, "CpuState is saved as it lies in memory");
static_assert(std::has_unique_object_representations_v<CpuState>, "equal states must be equal bytes: no padding");

}  // namespace
}  // namespace bancada

void bind_machine(nb::module_& module) {
  using namespace bancada;

  nb::exception<BusConflict>(module, "BusConflict", PyExc_RuntimeError);
  nb::exception<HostFault>(module, "HostFault", PyExc_RuntimeError);
  nb::exception<HostMemoryError>(module, "HostMemoryError", PyExc_RuntimeError);

  nb::class_<PhysicalMemory>(module, "PhysicalMemory")
      .def(nb::init<uint64_t, uint64_t>(), "ram_bytes"_a, "extra_bytes"_a)
      .def_prop_ro("ram_bytes", &PhysicalMemory::ram_bytes)
      .def_prop_ro("backing",
                   [](nb::handle self) {
                     auto& memory = nb::cast<PhysicalMemory&>(self);
                     nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>> array(memory.backing(), {memory.backing_bytes()},
                                                                        self);
                     return nb::steal(PyMemoryView_FromObject(nb::cast(array).ptr()));
                   })
      .def("allocate", &PhysicalMemory::allocate, "length"_a)
      .def("map_backed", &PhysicalMemory::map_backed, "physical"_a, "length"_a, "offset"_a, "flags"_a)
      .def("unmap", &PhysicalMemory::unmap, "physical"_a, "length"_a)
      .def("clear_ram", &PhysicalMemory::clear_ram)
      .def("release", &PhysicalMemory::release)
      .def("read",
           [](PhysicalMemory& memory, uint32_t physical, size_t length) {
             nb::object bytes = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(length)));
             if (!bytes.is_valid()) throw nb::python_error();
             memory.read(physical, PyBytes_AS_STRING(bytes.ptr()), length);
             return bytes;
           })
      .def("write",
           [](PhysicalMemory& memory, uint32_t physical, nb::handle data) {
             const Buffer buffer(data);
             memory.write(physical, buffer.data(), buffer.size());
           })
      .def_prop_rw("a20", &PhysicalMemory::a20_enabled, &PhysicalMemory::set_a20)
      .def_prop_ro_static("PAGE_READ", [](nb::handle) { return static_cast<int>(PAGE_READ); })
      .def_prop_ro_static("PAGE_WRITE", [](nb::handle) { return static_cast<int>(PAGE_WRITE); })
      .def_prop_ro_static("PAGE_TRACK_DIRTY", [](nb::handle) { return static_cast<int>(PAGE_TRACK_DIRTY); });

  nb::class_<PostCodePort>(module, "PostCodePort")
      .def(nb::init<>())
      .def("read", [](PostCodePort& port) { return port.read(0, 1); })
      .def(
          "write", [](PostCodePort& port, nb::object value) { port.write(0, to_register(value), 1); }, "value"_a)
      .def_prop_ro("code", &PostCodePort::code)
      .def_prop_ro("history", &PostCodePort::history)
      .def("restore", &PostCodePort::restore, "code"_a, "history"_a)
      .def_prop_ro_static("HISTORY_CODES", [](nb::handle) { return PostCodePort::HISTORY_CODES; });

  nb::class_<Bus>(module, "Bus")
      .def(nb::init<PhysicalMemory&>(), "memory"_a, nb::keep_alive<1, 2>())
      .def(
          "attach_port",
          [](Bus& bus, uint16_t port, uint32_t count, int width, const std::string& name, nb::object read,
             nb::object write) {
            bus.attach_ports(port, count, std::make_shared<PythonPorts>(std::move(read), std::move(write)), width,
                             name);
          },
          "port"_a, "count"_a, "width"_a, "name"_a, "read"_a.none(), "write"_a.none())
      .def(
          "attach_register",
          [](Bus& bus, uint16_t port, int width, const std::string& name, nb::object read, nb::object write,
             nb::object read_block, nb::object write_block) {
            // A wide register answers at its own port only: an IDE data word and the error register share 1F1h.
            bus.attach_ports(port, 1,
                             std::make_shared<PythonRegister>(width, std::move(read), std::move(write),
                                                              std::move(read_block), std::move(write_block)),
                             width, name);
          },
          "port"_a, "width"_a, "name"_a, "read"_a.none(), "write"_a.none(), "read_block"_a.none(),
          "write_block"_a.none())
      .def(
          "attach_native",
          [](Bus& bus, uint16_t port, int width, const std::string& name, std::shared_ptr<PostCodePort> handler) {
            bus.attach_ports(port, 1, std::move(handler), width, name);
          },
          "port"_a, "width"_a, "name"_a, "handler"_a)
      .def("repeat_wide_accesses", &Bus::repeat_wide_accesses, "port"_a)
      .def("detach_ports", &Bus::detach_ports, "port"_a, "count"_a)
      .def("ports_are_free", &Bus::ports_are_free, "port"_a, "count"_a)
      .def(
          "attach_mmio",
          [](Bus& bus, uint32_t physical, uint32_t length, const std::string& name, nb::object read, nb::object write) {
            bus.attach_mmio(physical, length, std::make_shared<PythonMmio>(std::move(read), std::move(write)), name);
          },
          "physical"_a, "length"_a, "name"_a, "read"_a, "write"_a)
      .def("detach_mmio", &Bus::detach_mmio, "physical"_a, "length"_a)
      .def("detach_all", &Bus::detach_all)
      .def("port_read", &Bus::port_read, "port"_a, "size"_a)
      .def(
          "port_write",
          [](Bus& bus, uint16_t port, nb::object value, int size) { bus.port_write(port, to_register(value), size); },
          "port"_a, "value"_a, "size"_a)
      .def("read_memory",
           [](Bus& bus, uint32_t physical, uint32_t length) {
             nb::object bytes = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(length)));
             if (!bytes.is_valid()) throw nb::python_error();
             bus.read_memory(physical, reinterpret_cast<uint8_t*>(PyBytes_AS_STRING(bytes.ptr())), length);
             return bytes;
           })
      .def("write_memory",
           [](Bus& bus, uint32_t physical, nb::handle data) {
             const Buffer buffer(data);
             bus.write_memory(physical, buffer.data(), static_cast<uint32_t>(buffer.size()));
           })
      .def("counters",
           [](const Bus& bus) {
             std::vector<std::tuple<std::string, uint64_t, uint64_t>> rows;
             for (const Bus::Counter& counter : bus.counters())
               rows.emplace_back(counter.name, counter.reads, counter.writes);
             return rows;
           })
      .def_prop_ro("unclaimed_accesses", &Bus::unclaimed_accesses);

  const auto call_at = [](Clock& clock, uint64_t when_ns, nb::object callback) {
    return clock.call_at(when_ns, [held = hold(std::move(callback))] { in_python([&] { (*held)(); }); });
  };
  nb::class_<Clock>(module, "Clock")
      .def(
          "__init__",
          [](Clock* self, const std::string& mode, uint32_t ns_per_instruction) {
            if (mode != "realtime" && mode != "instructions") throw nb::value_error("clock mode");
            new (self) Clock(mode == "realtime" ? ClockMode::realtime : ClockMode::instructions, ns_per_instruction);
          },
          "mode"_a, "ns_per_instruction"_a)
      .def_prop_ro("now_ns", &Clock::now_ns)
      .def("call_at", call_at, "when_ns"_a, "callback"_a)
      .def(
          "call_in",
          [call_at](Clock& clock, int64_t delay_ns, nb::object callback) {
            return call_at(clock, clock.now_ns() + static_cast<uint64_t>(std::max<int64_t>(delay_ns, 0)),
                           std::move(callback));
          },
          "delay_ns"_a, "callback"_a)
      .def("cancel", &Clock::cancel, "call_id"_a)
      .def_prop_rw("paced", &Clock::is_paced, &Clock::set_paced)
      .def("pause", &Clock::pause)
      .def("resume", &Clock::resume)
      .def("set_now_ns", &Clock::set_now_ns, "now_ns"_a)
      .def("run_due", &Clock::run_due)
      .def("clear", &Clock::clear);

  nb::class_<Vcpu>(module, "Vcpu")
      .def("run", [](Vcpu& vcpu) { return run_guest(vcpu, [&] { return vcpu.run(); }); })
      .def(
          "run_for",
          [](Vcpu& vcpu, uint64_t instructions) { return run_guest(vcpu, [&] { return vcpu.run_for(instructions); }); },
          "instructions"_a)
      .def("kick", &Vcpu::kick)
      .def("request_stop", &Vcpu::request_stop)
      .def("set_intr", &Vcpu::set_intr, "level"_a)
      .def("raise_nmi", &Vcpu::raise_nmi)
      .def("reset", &Vcpu::reset)
      .def(
          "set_wires",
          [](Vcpu& vcpu, nb::object acknowledge, nb::object on_kick, nb::object ferr) {
            vcpu.wires.acknowledge_interrupt = [held = hold(std::move(acknowledge))] {
              uint8_t vector = 0xFF;
              if (held) in_python([&] { vector = static_cast<uint8_t>(to_register((*held)())); });
              return vector;
            };
            vcpu.wires.on_kick = [held = hold(std::move(on_kick))] {
              if (held) in_python([&] { (*held)(); });
            };
            vcpu.wires.ferr = [held = hold(std::move(ferr))](bool level) {
              if (held) in_python([&] { (*held)(level); });
            };
          },
          "acknowledge_interrupt"_a.none(), "on_kick"_a.none(), "ferr"_a.none())
      .def_prop_ro("retired", &Vcpu::retired)
      .def_prop_ro("cr0", [](Vcpu& vcpu) { return vcpu.state().cr0; })
      .def("registers", &registers)
      .def("set_registers", &set_registers, "values"_a)
      .def("save",
           [](Vcpu& vcpu) {
             const CpuState& state = vcpu.state();
             return nb::bytes(reinterpret_cast<const char*>(&state), sizeof state);
           })
      .def(
          "load",
          [](Vcpu& vcpu, const nb::bytes& saved) {
            if (saved.size() != sizeof(CpuState)) throw nb::value_error("the saved processor state has another size");
            std::memcpy(&vcpu.state(), saved.c_str(), sizeof(CpuState));
            vcpu.state_changed();
          },
          "state"_a)
      .def(
          "read_linear",
          [](Vcpu& vcpu, uint32_t linear, uint32_t length) -> nb::object {
            nb::object bytes = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(length)));
            if (!bytes.is_valid()) throw nb::python_error();
            if (!read_guarded(vcpu, linear, PyBytes_AS_STRING(bytes.ptr()), length)) return nb::none();
            return bytes;
          },
          "linear"_a, "length"_a)
      .def(
          "write_linear",
          [](Vcpu& vcpu, uint32_t linear, nb::handle data) {
            const Buffer buffer(data);
            return vcpu.write_linear(linear, buffer.data(), static_cast<uint32_t>(buffer.size()));
          },
          "linear"_a, "data"_a);

  nb::class_<Interpreter, Vcpu>(module, "Interpreter")
      .def(
          "__init__",
          [](Interpreter* self, PhysicalMemory& memory, Bus& bus, Clock& clock, const std::string& cpu_model) {
            new (self) Interpreter(memory, bus, clock, parse_cpu_model(cpu_model));
          },
          "memory"_a, "bus"_a, "clock"_a, "cpu_model"_a, nb::keep_alive<1, 2>(), nb::keep_alive<1, 3>(),
          nb::keep_alive<1, 4>())
      .def(
          "use_translator",
          [](Interpreter& cpu, uint32_t heat, const std::string& windows) {
            cpu.use_translator(heat, parse_window_policy(windows));
          },
          "heat"_a = Translator::DEFAULT_HEAT, "windows"_a = "auto")
      .def("use_no_translator", &Interpreter::use_no_translator)
      .def(
          "set_debugger_stops",
          [](Interpreter& cpu, std::vector<uint32_t> breakpoints,
             const std::vector<std::tuple<uint32_t, uint32_t, bool, bool>>& watchpoints) {
            std::vector<Interpreter::Watchpoint> watches;
            for (const auto& [linear, length, reads, writes] : watchpoints) {
              if (length != 0) watches.push_back({linear, length, reads, writes});
            }
            cpu.set_debugger_stops(std::move(breakpoints), std::move(watches));
          },
          "breakpoints"_a, "watchpoints"_a)
      .def_prop_ro("watch_hit", &Interpreter::watch_hit)
      .def("x87_registers", &x87_registers)
      .def("release_caches", &Interpreter::release_caches)
      .def_prop_ro("cache_bytes", &Interpreter::cache_bytes)
      .def_prop_ro("translator_counters", &translator_counters)
      .def_static("can_translate", &Translator::is_supported)
      .def_static("can_use_windows", &Windows::is_supported);
}
