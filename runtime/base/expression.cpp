#include "runtime/base/expression.h"

#include "runtime/base/error.h"

namespace temper {
namespace {

constexpr std::size_t kNumbers = 4;  // of an instruction in "code": its functor and three operands

}  // namespace

Expression single(const FunctorCall& call) {
  Expression made;
  made.inputs = operand_count(call.functor);
  Instruction instruction{call, {-1, -1, -1}};
  for (int i = 0; i < made.inputs; ++i) {
    instruction.operands[static_cast<std::size_t>(i)] = i;
  }
  made.code = {instruction};
  made.results = {made.inputs};
  return made;
}

void set_expression(Attrs& attrs, const Expression& expression) {
  std::vector<std::int64_t> code;
  std::vector<double> parameters;
  for (const Instruction& instruction : expression.code) {
    code.push_back(static_cast<std::int64_t>(instruction.call.functor));
    code.insert(code.end(), instruction.operands.begin(), instruction.operands.end());
    parameters.insert(parameters.end(), {instruction.call.p, instruction.call.q});
  }
  attrs.set("inputs", std::int64_t{expression.inputs});
  attrs.set("code", std::move(code));
  attrs.set("parameters", std::move(parameters));
  attrs.set("results",
            std::vector<std::int64_t>(expression.results.begin(), expression.results.end()));
}

Expression expression_of(const Attrs& attrs) {
  const std::vector<std::int64_t> code = attrs.get_ints("code");
  const std::vector<double> parameters = attrs.get_doubles("parameters");
  TEMPER_ASSERT(code.size() % kNumbers == 0 && parameters.size() * 2 == code.size(), code.size());
  Expression made;
  made.inputs = static_cast<int>(attrs.get_int("inputs", 0));
  for (std::size_t i = 0; i < code.size() / kNumbers; ++i) {
    const std::int64_t* numbers = &code[i * kNumbers];
    TEMPER_ASSERT(numbers[0] >= 0 && numbers[0] < kFunctorCount, numbers[0]);
    Instruction instruction;
    instruction.call = {static_cast<Functor>(numbers[0]), parameters[2 * i], parameters[2 * i + 1]};
    for (int k = 0; k < operand_count(instruction.call.functor); ++k) {
      TEMPER_ASSERT(numbers[k + 1] >= 0 && numbers[k + 1] < made.value_count(), numbers[k + 1]);
      instruction.operands[static_cast<std::size_t>(k)] = static_cast<int>(numbers[k + 1]);
    }
    made.code.push_back(instruction);
  }
  for (const std::int64_t value : attrs.get_ints("results")) {
    TEMPER_ASSERT(value >= made.inputs && value < made.value_count(), value);
    made.results.push_back(static_cast<int>(value));
  }
  return made;
}

}  // namespace temper
