// Line by line, or a whole array.
#include "training/formats/json_records.h"

#include <utility>

#include "runtime/base/error.h"
#include "training/formats/mapped_buffer.h"

namespace temper::training {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kSpace = " \t\r\n";

std::string_view text_of(const Buffer& buffer) {
  std::string_view text(reinterpret_cast<const char*>(buffer.data()), buffer.bytes());
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  return text;
}

}  // namespace

JsonRecords::JsonRecords(std::string path) : path_(std::move(path)), buffer_(map_buffer(path_)) {
  const std::string_view text = text_of(*buffer_);
  const std::size_t first = text.find_first_not_of(kSpace);
  const bool lines = path_.ends_with(".jsonl") || path_.ends_with(".ndjson");
  is_array_ = !lines && first != std::string_view::npos && text[first] == '[';
}

std::string JsonRecords::where(std::int64_t place) const {
  return is_array_ ? concat(path_, ", entry ", place) : concat(path_, ":", place);
}

void JsonRecords::each(const Use& use) const {
  const std::string_view text = text_of(*buffer_);
  if (!is_array_) {
    each_line(text, use);
    return;
  }
  const JsonValue all = parse_json(text, path_);
  std::int64_t entry = 0;
  for (const JsonValue& record : all.as_array(path_)) {
    ++entry;
    TEMPER_CHECK(record.is_object(), ErrorCode::kInvalidData, where(entry),
                 " is no object {\"field\": value, ...}");
    use(record, entry);
  }
}

void JsonRecords::each_line(std::string_view text, const Use& use) const {
  std::int64_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.find_first_not_of(kSpace) == std::string_view::npos) {
      continue;
    }
    const JsonValue record = parse_json(line, where(number));
    TEMPER_CHECK(record.is_object(), ErrorCode::kInvalidData, where(number),
                 " is no object {\"field\": value, ...}; expected one per line");
    use(record, number);
  }
}

}  // namespace temper::training
