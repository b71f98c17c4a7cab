#include "api/status.h"

#include <exception>
#include <memory>

namespace temper::api {
namespace {

temper_code code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
      break;
    case ErrorCode::kInvalidArgument:
      return TEMPER_INVALID_ARGUMENT;
    case ErrorCode::kInvalidModel:
      return TEMPER_INVALID_MODEL;
    case ErrorCode::kInvalidData:
      return TEMPER_INVALID_DATA;
    case ErrorCode::kIo:
      return TEMPER_IO;
    case ErrorCode::kDiverged:
      return TEMPER_DIVERGED;
    case ErrorCode::kOutOfMemory:
      return TEMPER_OUT_OF_MEMORY;
    case ErrorCode::kDistributed:
      return TEMPER_DISTRIBUTED;
    case ErrorCode::kUnsupported:
      return TEMPER_UNSUPPORTED;
    case ErrorCode::kDevice:
      return TEMPER_DEVICE;
  }
  return TEMPER_INTERNAL;
}

// For when there is no memory to say it with; never freed.
temper_status* out_of_memory() {
  static const temper_status status = {TEMPER_OUT_OF_MEMORY, "out of memory", ""};
  return const_cast<temper_status*>(&status);
}

temper_status* new_status() {
  auto status = std::make_unique<temper_status>();
  try {
    throw;
  } catch (const Error& error) {
    status->code = code_of(error.code());
    status->message = error.message();
    for (const std::string& note : error.notes()) {
      status->hint += status->hint.empty() ? note : "\n" + note;
    }
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& error) {
    status->message = error.what();
  } catch (...) {
    status->message = "an exception of an unknown kind";
  }
  return status.release();
}

}  // namespace

temper_status* status_of_exception() noexcept {
  try {
    return new_status();
  } catch (...) {
    return out_of_memory();
  }
}

temper_code status_code(const temper_status* status) {
  return status == nullptr ? TEMPER_OK : status->code;
}

const char* status_message(const temper_status* status) {
  return status == nullptr ? "" : status->message.c_str();
}

const char* status_hint(const temper_status* status) {
  return status == nullptr ? "" : status->hint.c_str();
}

void status_free(temper_status* status) {
  if (status != out_of_memory()) {
    delete status;
  }
}

}  // namespace temper::api
