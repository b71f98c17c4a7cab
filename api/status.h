// What a call of the C API returns, and the border that no exception crosses.
#pragma once

#include <new>
#include <string>

#include "api/temper/temper.h"
#include "runtime/base/error.h"

struct temper_status {
  temper_code code = TEMPER_INTERNAL;
  std::string message;
  std::string hint;
};

namespace temper::api {

// Of the exception that is being handled.
temper_status* status_of_exception() noexcept;

// What `act` throws as a status; NULL when it throws nothing.
template <class Act>
temper_status* guarded(const Act& act) noexcept {
  try {
    act();
    return nullptr;
  } catch (...) {
    return status_of_exception();
  }
}

// A handle or an argument that must be there.
template <class T>
T& required(T* pointer, const char* what) {
  TEMPER_CHECK(pointer != nullptr, ErrorCode::kInvalidArgument, what, " is NULL");
  return *pointer;
}

temper_code status_code(const temper_status* status);
const char* status_message(const temper_status* status);
const char* status_hint(const temper_status* status);
void status_free(temper_status* status);

}  // namespace temper::api
