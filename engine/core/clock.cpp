#include "clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace bancada {

namespace {

int64_t host_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Clock::Clock(ClockMode mode, uint32_t ns_per_instruction)
    : mode_(mode), ns_per_instruction_(std::max(ns_per_instruction, 1u)), retired_([] { return uint64_t{0}; }) {}

uint64_t Clock::now_ns() const {
  if (mode_ == ClockMode::instructions) {
    return static_cast<uint64_t>(static_cast<int64_t>(retired_() * ns_per_instruction_) + offset_ns_);
  }
  return running_ ? static_cast<uint64_t>(host_ns() + offset_ns_) : paused_at_ns_;
}

void Clock::pause() {
  paused_at_ns_ = now_ns();
  running_ = false;
}

void Clock::resume() {
  if (running_) return;
  offset_ns_ = mode_ == ClockMode::realtime ? static_cast<int64_t>(paused_at_ns_) - host_ns() : offset_ns_;
  running_ = true;
}

void Clock::set_now_ns(uint64_t now_ns) {
  if (mode_ == ClockMode::instructions) {
    offset_ns_ = static_cast<int64_t>(now_ns) - static_cast<int64_t>(retired_() * ns_per_instruction_);
  } else {
    offset_ns_ = static_cast<int64_t>(now_ns) - host_ns();
    paused_at_ns_ = now_ns;
  }
}

void Clock::skip_to(uint64_t when_ns) {
  const uint64_t now = now_ns();
  if (when_ns > now) offset_ns_ += static_cast<int64_t>(when_ns - now);
}

uint64_t Clock::instructions_until(uint64_t when_ns) const {
  const uint64_t now = now_ns();
  if (when_ns <= now) return 0;
  const uint64_t wait_ns = when_ns - now;
  return wait_ns / ns_per_instruction_ + (wait_ns % ns_per_instruction_ != 0);
}

uint64_t Clock::call_at(uint64_t when_ns, std::function<void()> callback) {
  const uint64_t id = next_id_++;
  if (when_ns < next_deadline_ns_) {
    next_deadline_ns_ = when_ns;
    deadline_changed_ = true;
  }
  callbacks_.emplace(id, std::move(callback));
  heap_.push_back(Deadline{when_ns, id});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  return id;
}

void Clock::cancel(uint64_t id) {
  callbacks_.erase(id);
  // Cancelled deadlines stay in the heap until they surface; do not let them pile up.
  if (heap_.size() > 64 && heap_.size() > 4 * callbacks_.size()) {
    std::erase_if(heap_, [this](const Deadline& deadline) { return !callbacks_.contains(deadline.id); });
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
  find_next_deadline();
}

void Clock::find_next_deadline() {
  while (!heap_.empty() && !callbacks_.contains(heap_.front().id)) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }
  next_deadline_ns_ = heap_.empty() ? UINT64_MAX : heap_.front().when_ns;
}

void Clock::run_due() {
  // Calls asked for by these callbacks wait for the next round, so that a device that re-arms at once
  // cannot keep the guest from running.
  const uint64_t first_new_id = next_id_;
  while (next_deadline_ns_ <= now_ns() && heap_.front().id < first_new_id) {
    const uint64_t id = heap_.front().id;
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
    const auto callback = std::move(callbacks_.at(id));
    callbacks_.erase(id);
    find_next_deadline();
    callback();
  }
}

void Clock::clear() {
  heap_.clear();
  callbacks_.clear();
  next_deadline_ns_ = UINT64_MAX;
}

bool Clock::take_deadline_changed() {
  return std::exchange(deadline_changed_, false);
}

}  // namespace bancada
