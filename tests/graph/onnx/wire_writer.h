// Writes ONNX files for tests field by field, without the library's own protobuf classes: the field
// numbers here are ONNX's, so a mistake in our text of the format would show.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace temper::test {

class Message {
 public:
  Message() = default;
  explicit Message(std::string bytes) : bytes_(std::move(bytes)) {}
  Message& number(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& text(int field, const std::string& value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  Message& real(int field, float value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 5);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  // Packed lists.
  template <class T>
  Message& fixed_list(int field, const std::vector<T>& values) {
    return text(field, raw(values));
  }
  Message& varint_list(int field, const std::vector<std::int64_t>& values) {
    Message list;
    for (const std::int64_t value : values) {
      list.varint(static_cast<std::uint64_t>(value));
    }
    return text(field, list.bytes_);
  }
  template <class T>
  static std::string raw(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      bytes_ += static_cast<char>(value | 0x80);
    }
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

using Dims = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

inline Message tensor_head(const std::string& name, int type, const Dims& dims) {
  Message tensor;
  for (const std::int64_t dim : dims) {
    tensor.number(1, dim);
  }
  tensor.number(2, type);
  if (!name.empty()) {
    tensor.text(8, name);
  }
  return tensor;
}

template <class T>
Message raw_tensor(const std::string& name, int type, const Dims& dims,
                   const std::vector<T>& values) {
  return tensor_head(name, type, dims).text(9, Message::raw(values));
}

inline Message floats(const std::string& name, const Dims& dims, const std::vector<float>& values) {
  return raw_tensor(name, 1, dims, values);
}
inline Message ints(const std::string& name, const std::vector<std::int64_t>& values) {
  return raw_tensor(name, 7, {static_cast<std::int64_t>(values.size())}, values);
}

// Data in `location`.
inline Message external_tensor(const std::string& name, const Dims& dims,
                               const std::string& location, std::int64_t offset,
                               std::int64_t length) {
  Message tensor = tensor_head(name, 1, dims);
  tensor.message(13, Message().text(1, "location").text(2, location));
  tensor.message(13, Message().text(1, "offset").text(2, std::to_string(offset)));
  tensor.message(13, Message().text(1, "length").text(2, std::to_string(length)));
  return tensor.number(14, 1);
}

inline Message int_attribute(const std::string& name, std::int64_t value) {
  return Message().text(1, name).number(3, value).number(20, 2);
}
inline Message float_attribute(const std::string& name, float value) {
  return Message().text(1, name).real(2, value).number(20, 1);
}
inline Message ints_attribute(const std::string& name, const std::vector<std::int64_t>& values) {
  Message attribute;
  attribute.text(1, name);
  for (const std::int64_t value : values) {
    attribute.number(8, value);
  }
  return attribute.number(20, 7);
}
inline Message tensor_attribute(const std::string& name, const Message& tensor) {
  return Message().text(1, name).message(5, tensor).number(20, 4);
}

inline Message node(const std::string& op, const Names& inputs, const Names& outputs,
                    const std::vector<Message>& attributes = {}, const std::string& name = "",
                    const std::string& domain = "") {
  Message message;
  for (const std::string& input : inputs) {
    message.text(1, input);
  }
  for (const std::string& output : outputs) {
    message.text(2, output);
  }
  if (!name.empty()) {
    message.text(3, name);
  }
  message.text(4, op);
  for (const Message& attribute : attributes) {
    message.message(5, attribute);
  }
  if (!domain.empty()) {
    message.text(7, domain);
  }
  return message;
}

// A dimension below 0 is the symbol "batch".
inline Message value_info(const std::string& name, const Dims& dims, int type = 1) {
  Message shape;
  for (const std::int64_t dim : dims) {
    shape.message(1, dim < 0 ? Message().text(2, "batch") : Message().number(1, dim));
  }
  return Message().text(1, name).message(
      2, Message().message(1, Message().number(1, type).message(2, shape)));
}

// A graph as an attribute: the body of If, Loop or Scan.
inline Message body_attribute(const std::string& name, const std::vector<Message>& nodes,
                              const std::vector<Message>& inputs,
                              const std::vector<Message>& outputs,
                              const std::vector<Message>& initializers = {}) {
  Message graph;
  for (const Message& each : nodes) {
    graph.message(1, each);
  }
  graph.text(2, name);
  for (const Message& each : initializers) {
    graph.message(5, each);
  }
  for (const Message& each : inputs) {
    graph.message(11, each);
  }
  for (const Message& each : outputs) {
    graph.message(12, each);
  }
  return Message().text(1, name).message(6, graph).number(20, 5);
}

// The parts of a model, written in the order of field numbers as protobuf writes them.
struct ModelParts {
  std::vector<Message> nodes;
  std::vector<Message> initializers;
  std::vector<Message> inputs = {value_info("x", {-1, 4})};
  std::vector<Message> outputs = {value_info("y", {-1, 4})};
  std::vector<Message> functions;
  std::vector<Message> sparse_initializers;
  std::int64_t opset = 20;
  std::int64_t ir = 10;

  std::string bytes() const {
    Message graph;
    for (const Message& each : nodes) {
      graph.message(1, each);
    }
    graph.text(2, "test");
    for (const Message& each : initializers) {
      graph.message(5, each);
    }
    for (const Message& each : inputs) {
      graph.message(11, each);
    }
    for (const Message& each : outputs) {
      graph.message(12, each);
    }
    for (const Message& each : sparse_initializers) {
      graph.message(15, each);
    }
    Message model;
    model.number(1, ir).text(2, "writer").text(3, "1.0").message(7, graph);
    model.message(8, Message().text(1, "").number(2, opset));
    model.message(14, Message().text(1, "license").text(2, "none"));
    for (const Message& each : functions) {
      model.message(25, each);
    }
    return model.bytes();
  }
};

// A folder of its own, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "temper_onnx_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }
  std::string read(const std::string& name) const { return read_all(path(name)); }
  static std::string read_all(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

}  // namespace temper::test
