// How a generator and a discriminator fit together, found from the names of inputs and outputs.
#include <algorithm>

#include "runtime/base/error.h"
#include "training/compile/adversarial_graph.h"

namespace temper::training {
namespace {

std::vector<std::string> input_names(const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const graph::ValueId id : graph.inputs) {
    names.push_back(graph.value(id).name);
  }
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string only_other(const std::vector<std::string>& names,
                       const std::vector<std::string>& not_of) {
  std::vector<std::string> others;
  for (const std::string& name : names) {
    if (!has(not_of, name)) {
      others.push_back(name);
    }
  }
  return others.size() == 1 ? others.front() : std::string{};
}

std::string find_latent(const std::vector<std::string>& of_generator,
                        const std::vector<std::string>& of_discriminator,
                        const std::string& wanted) {
  if (!wanted.empty()) {
    TEMPER_CHECK(has(of_generator, wanted), ErrorCode::kInvalidArgument, "adversarial.latent is \"",
                 wanted, "\"; the generator's inputs are ", join(of_generator, ", "));
    return wanted;
  }
  std::string latent =
      of_generator.size() == 1 ? of_generator.front() : only_other(of_generator, of_discriminator);
  TEMPER_CHECK(!latent.empty(), ErrorCode::kInvalidArgument, "which of the generator's inputs ",
               join(of_generator, ", "), " takes noise? Set adversarial.latent");
  return latent;
}

}  // namespace

Wiring wire(const graph::Graph& generator, const graph::Graph& discriminator,
            const std::string& latent) {
  const std::vector<std::string> of_generator = input_names(generator);
  const std::vector<std::string> of_discriminator = input_names(discriminator);
  TEMPER_CHECK(!generator.outputs.empty(), ErrorCode::kInvalidArgument,
               "the generator has no output");
  TEMPER_CHECK(!discriminator.outputs.empty() && !of_discriminator.empty(),
               ErrorCode::kInvalidArgument,
               "the discriminator needs an input that takes samples and an output, its scores");
  Wiring wiring;
  wiring.latent = find_latent(of_generator, of_discriminator, latent);
  for (std::size_t i = 0; i < generator.outputs.size() && wiring.sample.empty(); ++i) {
    if (has(of_discriminator, generator.outputs[i].name)) {
      wiring.generated = i;
      wiring.sample = generator.outputs[i].name;
    }
  }
  for (const std::string& name : of_discriminator) {
    if (wiring.sample.empty() && (!has(of_generator, name) || name == wiring.latent)) {
      wiring.sample = name;
    }
  }
  TEMPER_CHECK(!wiring.sample.empty(), ErrorCode::kInvalidArgument,
               "no input of the discriminator takes the generator's samples: its inputs ",
               join(of_discriminator, ", "), " are all inputs of the generator");
  for (const std::string& name : of_discriminator) {
    if (name != wiring.sample) {
      wiring.conditions.push_back(name);
    }
  }
  for (const std::string& name : of_generator) {
    if (name != wiring.latent && !has(wiring.conditions, name)) {
      TEMPER_CHECK(name != wiring.sample, ErrorCode::kInvalidArgument, "the generator's input '",
                   name, "' has the name of the discriminator's samples");
      wiring.conditions.push_back(name);
    }
  }
  return wiring;
}

}  // namespace temper::training
