// A device model written in Python raised while guest code ran: the run ends, the exception is kept for the
// caller of run(), and the guest sees an empty bus.
#pragma once

#include <exception>

#include "vcpu.h"

namespace bancada {

class HandlerFailure {
 public:
  explicit HandlerFailure(Vcpu& vcpu) : vcpu_(vcpu), outer_(current_) { current_ = this; }
  ~HandlerFailure() { current_ = outer_; }
  HandlerFailure(const HandlerFailure&) = delete;
  HandlerFailure& operator=(const HandlerFailure&) = delete;

  std::exception_ptr error;

  // Called in a catch block. Outside of a run the exception simply goes on.
  static void record() {
    if (current_ == nullptr) throw;
    if (!current_->error) current_->error = std::current_exception();
    current_->vcpu_.request_stop();
  }

 private:
  Vcpu& vcpu_;
  HandlerFailure* outer_;
  static inline thread_local HandlerFailure* current_ = nullptr;
};

}  // namespace bancada
