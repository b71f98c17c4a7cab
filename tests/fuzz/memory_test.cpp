// Files that are nothing but the smallest parts of their format, which cost the most memory for a
// byte of the file: reading takes at most what the reader may (readers.h), four times the file as a
// rule.
#include <gtest/gtest.h>

#include <vector>

#include "tests/allocations/allocation_count.h"
#include "tests/fuzz/readers.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/test_files.h"

namespace temper::test {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kFileBytes = std::size_t{4} << 20;

std::string repeated(std::string_view part, std::size_t bytes = kFileBytes) {
  std::string text;
  text.reserve(bytes + part.size());
  while (text.size() < bytes) {
    text += part;
  }
  return text;
}

// "part" with %, a number that counts up.
std::string numbered(std::string_view before, std::string_view after, std::size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) {
    text += concat(before, i, after);
  }
  return text;
}

void expect_bounded(std::string_view reader_name, std::string_view what, const std::string& bytes) {
  std::vector<FuzzedReader> readers(format_readers().begin(), format_readers().end());
  readers.insert(readers.end(), model_readers().begin(), model_readers().end());
  for (const FuzzedReader& reader : readers) {
    if (reader.name != reader_name) {
      continue;
    }
    const training::TempFolder scratch;
    const FuzzInput input(std::as_bytes(std::span(bytes)), scratch.path(""));
    std::string problem;
    start_measuring();
    const bool sound = reads_soundly(reader, input, problem);
    const std::int64_t peak = measured().peak;
    stop_measuring();
    EXPECT_TRUE(sound) << reader_name << ", " << what << ": " << problem;
    EXPECT_LE(peak, static_cast<std::int64_t>(reader.memory_of(bytes.size())))
        << reader_name << ", " << what << ": " << static_cast<double>(peak) / double(bytes.size())
        << " times a file of " << bytes.size() << " bytes; " << problem.substr(0, 300);
    return;
  }
  FAIL() << "no reader " << reader_name;
}

class ReaderMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (!can_count()) {
      GTEST_SKIP() << "the sanitizer has an allocator of its own; tools/fuzz.sh counts there";
    }
  }
};

TEST_F(ReaderMemory, OfPickles) {
  for (const std::string_view part :
       {")"sv, "]"sv, "}"sv, "N"sv, "("sv, "K\1"sv, "]Na"sv, "(l"sv, "(NNNNl"sv, "N\x85"sv,
        "\x94"sv, "ca\nb\n"sv, "N)R"sv, "]p77\n"sv, "U\1a"sv, "NQ"sv}) {
    expect_bounded("pickle", part, "N" + repeated(part) + ".");
    expect_bounded("pickle", concat(part, ", popped"), repeated(concat("N", part)) + ".");
  }
}

TEST_F(ReaderMemory, OfGguf) {
  const std::string tensors("GGUF\3\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
  // Scalars of a name of 3 bytes, each another one.
  std::string entries = tensors;
  for (int i = 0; i < 65536; ++i) {
    entries += std::string("\3\0\0\0\0\0\0\0", 8);
    entries += {static_cast<char>(i), static_cast<char>(i >> 8), 'x'};
    entries += std::string(4 + 4 + 8, '\0');
  }
  expect_bounded("gguf", "scalars", entries + std::string(64, '\0'));
}

TEST_F(ReaderMemory, OfSafetensors) {
  std::string header =
      numbered(R"(,")", R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})", kFileBytes);
  header[0] = '{';
  header += "}";
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    length[i] = static_cast<char>(header.size() >> (8 * i));
  }
  expect_bounded("safetensors", "empty tensors", length + header);
  expect_bounded("safetensors", "lists", length + "{" + repeated("[", header.size() - 1));
}

TEST_F(ReaderMemory, OfJson) {
  for (const char* reader : {"json", "records", "manifest", "index"}) {
    expect_bounded(reader, "numbers", "[" + repeated("1,") + "1]");
    expect_bounded(reader, "lists", "[" + repeated("[],") + "1]");
    expect_bounded(reader, "objects", "[" + repeated("{},") + "1]");
    expect_bounded(reader, "lines", repeated("{}\n"));
    expect_bounded(reader, "keys", "{" + numbered("\"", "\":1,", kFileBytes) + "\"\":1}");
  }
  expect_bounded("index", "names",
                 R"({"weight_map":{)" + numbered("\"", "\":\"a.safetensors\",", kFileBytes) +
                     R"("":"a.safetensors"}})");
}

TEST_F(ReaderMemory, OfTables) {
  expect_bounded("csv", "cells", repeated("1,"));
  expect_bounded("csv", "empty cells", repeated(","));
  expect_bounded("csv", "quotes", repeated("\"\"\"\","));
  expect_bounded("csv", "rows", repeated("1,2\n"));
  expect_bounded("csv", "names", repeated("a,"));
}

TEST_F(ReaderMemory, OfModels) {
  const auto model = [](const Message& graph) {
    return Message().number(1, 8).message(7, graph).message(8, Message().number(2, 17)).bytes();
  };
  const auto graph_of = [&](std::string_view part) {
    Message graph;
    graph.text(2, "g");
    return model(Message(graph.bytes() + repeated(part)));
  };
  expect_bounded("onnx", "empty nodes", graph_of("\x0a\0"sv));
  expect_bounded("onnx", "empty tensors", graph_of("\x2a\0"sv));
  expect_bounded("onnx", "empty inputs", graph_of("\x5a\0"sv));
  expect_bounded("onnx", "value infos", graph_of("\x6a\0"sv));
  expect_bounded("onnx", "node inputs", graph_of("\x0a\x02\x0a\0"sv));
  expect_bounded("onnx", "attributes", graph_of("\x0a\x02\x2a\0"sv));
  expect_bounded("onnx", "dims", graph_of("\x2a\x02\x08\1"sv));
  expect_bounded("onnx", "unknown fields", graph_of("\xf8\x07\1"sv));
}

}  // namespace
}  // namespace temper::test
