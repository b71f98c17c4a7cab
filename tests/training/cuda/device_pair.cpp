#include "tests/training/cuda/device_pair.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "training/formats/json.h"

namespace temper::training {
namespace {

// Near enough, or both no number.
bool are_near(double a, double b, double tolerance) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::abs(a - b) <= tolerance * std::max(1.0, std::abs(a));
}

std::vector<JsonValue> lines_of(const std::string& log) {
  std::vector<JsonValue> lines;
  std::istringstream text(log);
  for (std::string line; std::getline(text, line);) {
    lines.push_back(parse_json(line, "log"));
  }
  return lines;
}

}  // namespace

void EmulatedRuns::SetUp() {
  if (test::is_device_left_out()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
}

double norm_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value * value;
  }
  return std::sqrt(sum);
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference[i] = a[i] - b.at(i);
  }
  return norm_of(difference);
}

void expect_near_logs(const std::string& cpu, const std::string& device, const Nearness& nearness) {
  const std::vector<JsonValue> wanted = lines_of(cpu), made = lines_of(device);
  ASSERT_EQ(wanted.size(), made.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& members = wanted[i].as_object("a line");
    ASSERT_EQ(members.size(), made[i].as_object("a line").size()) << made[i].text();
    const bool first = wanted[i].at("step").as_int("step") <= 10;
    for (const JsonMember& member : members) {
      const JsonValue* other = made[i].find(member.key);
      ASSERT_NE(other, nullptr) << member.key << " is not in " << made[i].text();
      if (member.value.is_number() && other->is_number()) {
        const double a = member.value.as_double("a"), b = other->as_double("b");
        EXPECT_TRUE(are_near(a, b, first ? nearness.first : nearness.later))
            << member.key << " is " << a << " and " << b << " in " << made[i].text();
      } else {
        EXPECT_EQ(member.value.text(), other->text()) << member.key;
      }
    }
  }
}

std::map<std::string, std::vector<double>> tensors_of(const std::string& model) {
  std::map<std::string, std::vector<double>> tensors;
  const graph::Graph graph = graph::OnnxModel::load(model).build_graph(graph::standard_ops());
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable({i});
    if (is_float(variable.dtype)) {
      tensors[variable.name] = graph::initial_value(variable).values<double>();
    }
  }
  return tensors;
}

void expect_near_models(const std::string& cpu, const std::string& device, double tolerance) {
  const auto wanted = tensors_of(cpu), made = tensors_of(device);
  ASSERT_EQ(wanted.size(), made.size());
  double largest = 0;
  for (const auto& [name, values] : wanted) {
    largest = std::max(largest, norm_of(values));
  }
  for (const auto& [name, values] : wanted) {
    // What stands in front of a normalisation moves by rounding alone.
    const double size = std::max(norm_of(values), 0.01 * largest);
    EXPECT_LE(distance(values, made.at(name)), tolerance * size) << name;
  }
}

void expect_near_runs(const RunRecord& cpu, const RunRecord& device, const Nearness& nearness) {
  ASSERT_EQ(cpu.losses.size(), device.losses.size());
  for (std::size_t i = 0; i < cpu.losses.size(); ++i) {
    EXPECT_TRUE(are_near(cpu.losses[i], device.losses[i], i < 10 ? nearness.first : nearness.later))
        << "step " << i + 1 << ": " << cpu.losses[i] << " and " << device.losses[i];
  }
  EXPECT_EQ(cpu.result.steps, device.result.steps);
  EXPECT_EQ(cpu.result.skipped, device.result.skipped);
  EXPECT_EQ(cpu.result.outcome, device.result.outcome);
  EXPECT_EQ(cpu.messages.size(), device.messages.size());
  expect_near_logs(cpu.log, device.log, nearness);
  expect_near_models(cpu.result.last_model, device.result.last_model, nearness.weights);
}

void expect_near_gans(const GanRecord& cpu, const GanRecord& device, const Nearness& nearness) {
  ASSERT_EQ(cpu.losses.size(), device.losses.size());
  EXPECT_EQ(cpu.result.steps, device.result.steps);
  EXPECT_EQ(cpu.result.skipped, device.result.skipped);
  expect_near_logs(cpu.log, device.log, nearness);
  expect_near_models(cpu.result.generator, device.result.generator, nearness.weights);
  expect_near_models(cpu.result.discriminator, device.result.discriminator, nearness.weights);
  ASSERT_EQ(cpu.samples.size(), device.samples.size());
  for (std::size_t i = 0; i < cpu.samples.size(); ++i) {
    EXPECT_LE(distance(cpu.samples[i], device.samples[i]), nearness.later * norm_of(cpu.samples[i]))
        << "samples " << i;
  }
}

}  // namespace temper::training
