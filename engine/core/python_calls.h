// Calls from the native core back into Python: guest code runs with the GIL released.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "handler_failure.h"
#include "host_fault_guard.h"

namespace bancada {

namespace nb = nanobind;

// Keeps a Python object alive from C++ code that does not hold the GIL.
using Held = std::shared_ptr<nb::object>;

inline Held hold(nb::object object) {
  if (object.is_none()) return nullptr;
  return Held(new nb::object(std::move(object)), [](nb::object* held) {
    nb::gil_scoped_acquire gil;
    delete held;
  });
}

inline uint32_t to_register(const nb::object& value) {
  return static_cast<uint32_t>(PyLong_AsUnsignedLongMask(value.ptr()));
}

template <typename Body>
void in_python(Body body) {
  const HostFaultGuard::Suspended suspended;
  nb::gil_scoped_acquire gil;
  try {
    body();
  } catch (...) {
    HandlerFailure::record();
  }
}

}  // namespace bancada
