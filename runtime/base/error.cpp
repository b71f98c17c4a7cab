#include "runtime/base/error.h"

#include <charconv>
#include <cmath>
#include <utility>

namespace temper {
namespace {

template <class T>
void append_chars(std::string& out, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) {  // whose sign says nothing
      out += "nan";
      return;
    }
  }
  char text[64];
  const auto result = std::to_chars(text, text + sizeof text, value);
  out.append(text, result.ptr);
}

}  // namespace

void append_number(std::string& out, long long value) { append_chars(out, value); }
void append_number(std::string& out, unsigned long long value) { append_chars(out, value); }
void append_number(std::string& out, double value) { append_chars(out, value); }
void append_number(std::string& out, float value) { append_chars(out, value); }

void TextPart::append_to(std::string& out) const {
  switch (kind_) {
    case Kind::kText:
      out += text_;
      return;
    case Kind::kSigned:
      append_number(out, signed_);
      return;
    case Kind::kUnsigned:
      append_number(out, unsigned_);
      return;
    case Kind::kFloat:
      append_number(out, float_);
      return;
    case Kind::kDouble:
      append_number(out, double_);
      return;
    case Kind::kNamed:
      named_.append(out, named_.value);
      return;
  }
}

std::string concat_parts(std::initializer_list<TextPart> parts) {
  std::string out;
  for (const TextPart& part : parts) {
    part.append_to(out);
  }
  return out;
}

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
      return 1;
    case ErrorCode::kInvalidArgument:
      return 2;
    case ErrorCode::kInvalidModel:
    case ErrorCode::kInvalidData:
      return 3;
    case ErrorCode::kIo:
      return 4;
    case ErrorCode::kDiverged:
      return 5;
    case ErrorCode::kOutOfMemory:
      return 6;
    case ErrorCode::kDistributed:
      return 7;
    case ErrorCode::kUnsupported:
      return 8;
    case ErrorCode::kDevice:
      return 9;
  }
  return 1;
}

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
      return "internal error";
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kInvalidModel:
      return "invalid model";
    case ErrorCode::kInvalidData:
      return "invalid data";
    case ErrorCode::kIo:
      return "i/o error";
    case ErrorCode::kDiverged:
      return "diverged";
    case ErrorCode::kOutOfMemory:
      return "out of memory";
    case ErrorCode::kDistributed:
      return "distributed";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kDevice:
      return "device error";
  }
  return "error";
}

Error::Error(ErrorCode code, std::string message)
    : code_(code), message_(std::move(message)), text_(message_) {}

void Error::add_note(std::string note) {
  text_ += "\n  ";
  text_ += note;
  notes_.push_back(std::move(note));
}

void throw_error(ErrorCode code, std::string message) { throw Error(code, std::move(message)); }

void fail_parts(ErrorCode code, std::initializer_list<TextPart> parts) {
  throw_error(code, concat_parts(parts));
}

void throw_assertion(const char* condition, const char* file, int line,
                     std::initializer_list<TextPart> parts) {
  const std::string message = concat_parts(parts);
  throw Error(ErrorCode::kInternal,
              concat("internal error: ", condition, " does not hold at ", file, ":", line,
                     message.empty() ? "" : ": ", message, " (please report this)"));
}

}  // namespace temper
