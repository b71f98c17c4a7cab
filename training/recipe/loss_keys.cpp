// The keys of [loss] and [[loss.term]] that are not parameters of a loss.
#include "training/losses/loss.h"
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kClassWeight[] = {"", "balanced"};
constexpr const char* kOutputHelp =
    "which model outputs; empty: the first, or as many as the loss takes";
constexpr const char* kFileHelp =
    "a loss of your own, an ONNX file in place of a name: its inputs are outputs of the model and "
    "targets of the data by name, its output is the loss";
constexpr const char* kTargetHelp =
    "array or column of the data to compare with; empty: the data's only target";
constexpr const char* kClassWeightHelp =
    "\"balanced\": the loss's weight is samples / (classes * count) of each class of the training "
    "rows, as in scikit-learn";

std::string positive_number(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return std::isfinite(number) && number > 0 ? "" : "must be positive";
}

// A setting of a term that has no meaning beside a file; empty: there is none.
std::string not_of_a_file(const LossTermSettings& term) {
  return !term.loss.name.empty()      ? "name"
         : !term.outputs.empty()      ? "output"
         : !term.target.empty()       ? "target"
         : !term.class_weight.empty() ? "class_weight"
                                      : "";
}

// What is wrong with one loss beside its name and parameters, or empty.
std::string check_term(const LossTermSettings& term) {
  if (term.is_file()) {
    const std::string other = not_of_a_file(term);
    return other.empty() ? ""
                         : concat(other,
                                  " is set beside file, which names what it takes by its "
                                  "inputs: leave one of them out");
  }
  if (term.class_weight.empty()) {
    return {};
  }
  const std::vector<ParameterSpec>& specs = find_loss(term.loss.name).parameters;
  const bool weighs = std::any_of(specs.begin(), specs.end(),
                                  [](const ParameterSpec& spec) { return spec.name == "weight"; });
  return !weighs ? concat("class_weight is set, but ", term.loss.name, " has no class weights")
         : term.loss.parameters.get_doubles("weight").empty()
             ? ""
             : "weight and class_weight are both set: leave one out";
}

}  // namespace

std::vector<RecipeKey> loss_keys() {
  return {
      key("loss.name", "which loss", [](Recipe& r) -> auto& { return r.loss.loss.name; })
          .of(Runs::kOneModel),
      key(
          "loss.file", kFileHelp, [](Recipe& r) -> auto& { return r.loss.file; }, nullptr, true)
          .of(Runs::kOneModel)
          .on_resume(ResumeRule::kContent),
      key("loss.output", kOutputHelp, [](Recipe& r) -> auto& { return r.loss.outputs; })
          .of(Runs::kOneModel),
      key("loss.target", kTargetHelp, [](Recipe& r) -> auto& { return r.loss.target; })
          .of(Runs::kOneModel),
      key(
          "loss.class_weight", kClassWeightHelp,
          [](Recipe& r) -> auto& { return r.loss.class_weight; }, one_of<kClassWeight, 2>)
          .of(Runs::kOneModel),
      key("loss.sample_weight",
          "array or column of the data: a factor on each sample's loss. What a mean divides by "
          "stays as it is without factors",
          [](Recipe& r) -> auto& { return r.sample_weight; })
          .of(Runs::kOneModel),
      key(
          "loss.l1", "factor of the sum of |w|, added to the training loss",
          [](Recipe& r) -> auto& { return r.penalty.l1; }, not_negative)
          .of(Runs::kOneModel),
      key(
          "loss.l2", "factor of the sum of w^2, added to the training loss",
          [](Recipe& r) -> auto& { return r.penalty.l2; }, not_negative)
          .of(Runs::kOneModel),
      key("loss.penalize",
          "patterns of the tensors that l1 and l2 count; empty: those of two or more dimensions, "
          "without biases",
          [](Recipe& r) -> auto& { return r.penalty.match; })
          .of(Runs::kOneModel)
          .when(any_of({with_more("loss.l1"), with_more("loss.l2")})),
      key(
          "loss.teacher.model",
          "distillation: an ONNX model whose answers count beside the targets",
          [](Recipe& r) -> auto& { return r.teacher.model; }, nullptr, true)
          .of(Runs::kOneModel)
          .on_resume(ResumeRule::kContent),
      key(
          "loss.teacher.temperature", "what both models' scores are divided by before the softmax",
          [](Recipe& r) -> auto& { return r.teacher.temperature; }, positive_number)
          .of(Runs::kOneModel)
          .when(with("loss.teacher.model")),
      key(
          "loss.teacher.alpha",
          "the teacher's share: (1 - alpha) loss + alpha temperature^2 KL(teacher, model)",
          [](Recipe& r) -> auto& { return r.teacher.alpha; }, probability)
          .of(Runs::kOneModel)
          .when(with("loss.teacher.model")),
      key("loss.teacher.output", "which of the teacher's outputs; empty: the first",
          [](Recipe& r) -> auto& { return r.teacher.output; })
          .of(Runs::kOneModel)
          .when(with("loss.teacher.model")),
  };
}

namespace {

RepeatedKey file_key() {
  RepeatedKey made = entry_key(
      "file", kFileHelp, [](Recipe& r, std::size_t i) -> auto& { return r.loss_terms[i].file; },
      not_empty);
  made.is_path = true;
  return made;
}

}  // namespace

RepeatedTable loss_term_table() {
  using R = Recipe;
  using I = std::size_t;
  RepeatedTable table = {
      "loss.term",
      "several losses, added up: of several outputs, or of one. Each is in the log as "
      "train/loss/LABEL and val/loss/LABEL. Further keys are the loss's parameters",
      {entry_key(
           "name", "which loss", [](R& r, I i) -> auto& { return r.loss_terms[i].loss.name; },
           not_empty),
       file_key(),
       entry_key("output", kOutputHelp, [](R& r, I i) -> auto& { return r.loss_terms[i].outputs; }),
       entry_key("target", kTargetHelp, [](R& r, I i) -> auto& { return r.loss_terms[i].target; }),
       entry_key(
           "loss_weight", "factor of this loss in the sum; 1 when left out",
           [](R& r, I i) -> auto& { return r.loss_terms[i].loss_weight; }, positive_number, 1.0),
       entry_key("label", "its name in the log; empty: the loss's name, or \"file\"",
                 [](R& r, I i) -> auto& { return r.loss_terms[i].label; }),
       entry_key(
           "class_weight", kClassWeightHelp,
           [](R& r, I i) -> auto& { return r.loss_terms[i].class_weight; },
           one_of<kClassWeight, 2>)},
      [](const R& r) { return r.loss_terms.size(); },
      [](R& r) { r.loss_terms.emplace_back(); }};
  table.runs = Runs::kOneModel;
  table.parameters_help = "any parameter of the loss";
  table.parameters = [](const R& r, I i) {
    const LossTermSettings& term = r.loss_terms[i];
    TEMPER_CHECK(term.is_file() || !term.loss.name.empty(), ErrorCode::kInvalidArgument,
                 "[[loss.term]] needs name (which loss) or file (one of your own)");
    return term.loss.name.empty() ? std::vector<ParameterSpec>{}
                                  : find_loss(term.loss.name).parameters;
  };
  table.given = [](R& r, I i) -> auto& { return r.loss_terms[i].loss.parameters; };
  table.completed = true;
  table.check = [](const R& r, I i) { return check_term(r.loss_terms[i]); };
  return table;
}

void check_losses(const Recipe& recipe) {
  const auto origin = [&](const std::string& key) {
    const auto found = recipe.origins.find(key);
    return found == recipe.origins.end() ? std::string{} : found->second + ": ";
  };
  if (recipe.loss_terms.empty()) {
    const bool said = recipe.loss.is_file() || !recipe.loss.loss.name.empty();
    const std::string problem = said ? check_term(recipe.loss) : std::string{};
    TEMPER_CHECK(problem.empty(), ErrorCode::kInvalidArgument,
                 origin(recipe.loss.is_file() ? "loss.file" : "loss.class_weight"), "loss.",
                 problem);
  }
  const LossTermSettings& alone = recipe.loss;
  const char* other = !alone.loss.name.empty()      ? "loss.name"
                      : alone.is_file()             ? "loss.file"
                      : !alone.outputs.empty()      ? "loss.output"
                      : !alone.target.empty()       ? "loss.target"
                      : !alone.class_weight.empty() ? "loss.class_weight"
                                                    : nullptr;
  TEMPER_CHECK(recipe.loss_terms.empty() || other == nullptr, ErrorCode::kInvalidArgument,
               origin(other == nullptr ? "" : other), other == nullptr ? "" : other,
               " is set, but the recipe has [[loss.term]] tables too: move it into one of them");
  const TeacherSettings unsaid;
  const TeacherSettings& teacher = recipe.teacher;
  const char* of_teacher = teacher.temperature != unsaid.temperature ? "loss.teacher.temperature"
                           : teacher.alpha != unsaid.alpha           ? "loss.teacher.alpha"
                           : !teacher.output.empty()                 ? "loss.teacher.output"
                                                                     : nullptr;
  TEMPER_CHECK(!teacher.model.empty() || of_teacher == nullptr, ErrorCode::kInvalidArgument,
               origin(of_teacher == nullptr ? "" : of_teacher),
               of_teacher == nullptr ? "" : of_teacher,
               " needs loss.teacher.model, the teacher's ONNX file");
  TEMPER_CHECK(recipe.penalty.match.empty() || recipe.penalty.is_on(), ErrorCode::kInvalidArgument,
               origin("loss.penalize"), "loss.penalize needs loss.l1 or loss.l2 above 0");
}

}  // namespace temper::training
