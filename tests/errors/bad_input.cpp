#include "tests/errors/bad_input.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace temper::test {

namespace fs = std::filesystem;
using testing::HasSubstr;

ModelParts linear_model() {
  ModelParts parts;
  parts.nodes = {node("Gemm", {"x", "w", "b"}, {"y"}, {int_attribute("transB", 1)}, "fc")};
  parts.initializers = {
      floats("w", {3, 4}, {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 1, 0, 0.5f}),
      floats("b", {3}, {0, 0, 0})};
  parts.outputs = {value_info("y", {-1, 3})};
  return parts;
}

ModelParts conv_model(const std::vector<Message>& attributes, std::int64_t kernel) {
  ModelParts parts;
  parts.nodes = {node("Conv", {"x", "w"}, {"c"}, attributes, "conv"),
                 node("GlobalAveragePool", {"c"}, {"p"}), node("Flatten", {"p"}, {"y"})};
  parts.initializers = {
      floats("w", {3, 1, kernel, kernel},
             std::vector<float>(static_cast<std::size_t>(3 * kernel * kernel), 0.1f))};
  parts.inputs = {value_info("x", {-1, 1, 8, 8})};
  parts.outputs = {value_info("y", {-1, 3})};
  return parts;
}

std::vector<training::NamedTensor> samples(std::int64_t rows, const Shape& row) {
  Shape shape = {rows};
  for (int axis = 0; axis < row.rank(); ++axis) {
    shape.push_back(row[axis]);
  }
  std::vector<float> values;
  for (std::int64_t i = 0; i < shape.element_count(); ++i) {
    values.push_back(static_cast<float>(i % 7) - 3);
  }
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < rows; ++i) {
    labels.push_back(i % 3);
  }
  return {{"x", Tensor::from<float>(DType::kFloat32, shape, values)},
          {"target", Tensor::from<std::int64_t>(DType::kInt64, {rows}, labels)}};
}

BadInput::BadInput() {
  write_model("good.onnx", linear_model());
  training::write_npz(at("good.npz"), samples(10, {4}));
  training::write_npz(at("images.npz"), samples(10, {1, 8, 8}));
}

void BadInput::write(const std::string& name, const std::string& bytes) const {
  const fs::path path = at(name);
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

CommandResult BadInput::temper(const Words& arguments) const {
  CommandOptions options;
  options.folder = folder_.path();
  return run_temper(arguments, options);
}

void BadInput::expect_refused(const Words& arguments, int exit_code, const Words& parts) const {
  std::string line;
  for (const std::string& word : arguments) {
    line += " " + word;
  }
  SCOPED_TRACE("temper" + line);
  const auto before = content();
  const CommandResult result = temper(arguments);
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_EQ(result.out, "");
  // The recipe that was inferred may stand before it.
  const std::size_t start = result.err.find("temper: ");
  ASSERT_NE(start, std::string::npos) << result.err;
  const std::string message = result.err.substr(start);
  for (const std::string& part : parts) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  EXPECT_EQ(content(), before);
}

std::map<std::string, std::string> BadInput::content() const {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
    const fs::file_status status = entry.symlink_status();
    std::string& what = found[entry.path().string()];
    what = std::to_string(static_cast<int>(status.type()));
    if (fs::is_regular_file(status)) {
      what.append(" ").append(file_text(entry.path().string()));
    } else if (fs::is_symlink(status)) {
      what.append(" ").append(fs::read_symlink(entry.path()).string());
    }
  }
  return found;
}

}  // namespace temper::test
