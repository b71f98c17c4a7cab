// `temper help losses|optimizers|schedules|metrics [NAME]`: which there are, what each is for, and
// its parameters; `temper help keys [TABLE]`: what a recipe may say.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "runtime/base/error.h"
#include "tools/cli/command.h"
#include "tools/cli/help_keys.h"
#include "tools/cli/help_text.h"
#include "training/losses/loss.h"
#include "training/losses/loss_sources.h"
#include "training/metrics/metric_spec.h"
#include "training/metrics/task.h"
#include "training/optimizers/optimizer.h"
#include "training/recipe/recipe_keys.h"
#include "training/schedules/schedule.h"

namespace temper::cli {
namespace {

using training::ParameterSpec;

// What is said of any component.
struct Entry {
  std::string name;
  std::string help;
  std::vector<ParameterSpec> parameters;
  std::string task;                                            // what it is listed under
  std::vector<std::pair<std::string, std::string>> more = {};  // "output" -> "logits"
};

std::string value_text(const ParameterSpec& spec) {
  return training::parameter_text(spec.fallback, spec);
}

std::vector<Entry> loss_entries() {
  std::vector<Entry> entries;
  for (const training::Loss& loss : training::losses()) {
    entries.push_back({loss.name,
                       loss.help,
                       loss.parameters,
                       loss.task,
                       {{"output", loss.output_form},
                        {"mind", loss.pitfall},
                        {"source", std::string(training::source_of(loss))}}});
  }
  return entries;
}

// What a metric can be computed for, and whether that is done unasked.
std::string tasks_of(const std::string& metric) {
  const auto has = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), metric) != names.end();
  };
  std::vector<std::string> tasks;
  for (const training::NamedTask& task : training::named_tasks()) {
    if (has(training::metrics_of(task.task))) {
      tasks.push_back(concat(task.name, has(training::default_metrics_of(task.task)) ? "*" : ""));
    }
  }
  return join(tasks, ", ");
}

std::vector<Entry> metric_entries() {
  std::vector<Entry> entries;
  for (const training::MetricSpec& spec : training::metric_specs()) {
    const char* better = spec.less_is_better ? "less is better" : "more is better";
    Entry entry{spec.name, spec.help, {}, spec.family, {{"use", spec.use}}};
    entry.more.emplace_back("range", concat(spec.range, "; ", better));
    entry.more.emplace_back("tasks", tasks_of(spec.name));
    if (!spec.settings.empty()) {
      entry.more.emplace_back("settings", spec.settings);
    }
    const std::string logged = training::logged_name(spec.name, {});
    entry.more.emplace_back(
        "best model", concat("checkpoint.monitor = \"val/", logged, "\" keeps the best by it"));
    entries.push_back(std::move(entry));
  }
  return entries;
}

template <class Component>
std::vector<Entry> plain_entries(const std::vector<Component>& components) {
  std::vector<Entry> entries;
  for (const Component& component : components) {
    entries.push_back({component.name, component.help, component.parameters, ""});
  }
  return entries;
}

struct Topic {
  std::string name;
  std::string key;  // of the recipe
  std::vector<Entry> (*entries)();
  bool listed = false;  // the key takes a list of names
  std::string about = "lists its parameters.";
  std::string legend = {};
};

constexpr const char* kKeysTopic = "keys";

std::string line_to_write(const Topic& topic, const std::string& name) {
  return topic.listed ? concat(topic.key, " = [\"", name, "\"]")
                      : concat(topic.key, " = \"", name, "\"");
}

// Told of one entry alone.
bool only_in_details(const std::string& title) {
  return title == "source" || title == "settings" || title == "best model";
}

const std::vector<Topic>& topics() {
  static const std::vector<Topic> kTopics = {
      {"losses", "loss.name", loss_entries},
      {"optimizers", "optimizer.name", [] { return plain_entries(training::optimizers()); }},
      {"schedules", "schedule.name", [] { return plain_entries(training::schedules()); }},
      {"metrics", "metrics.names", metric_entries, true, "tells what it depends on.",
       "Tasks follow from the loss and the model's output; * stands where a metric is computed "
       "unasked. metrics.names = [\"all\"] computes all that apply, over the whole validation "
       "set."}};
  return kTopics;
}

// All of a topic, by task in the order the tasks first appear.
std::string overview(const Topic& topic) {
  const std::vector<Entry> entries = topic.entries();
  std::vector<std::string> tasks;
  std::size_t indent = 0;
  for (const Entry& entry : entries) {
    if (std::find(tasks.begin(), tasks.end(), entry.task) == tasks.end()) {
      tasks.push_back(entry.task);
    }
    indent = std::max(indent, entry.name.size() + 4);
  }
  std::string text = wrapped(concat(topic.name, ": write ", line_to_write(topic, "NAME"),
                                    " in the recipe; `temper help ", topic.name, " NAME` ",
                                    topic.about, topic.legend.empty() ? "" : " ", topic.legend),
                             0) +
                     "\n";
  for (const std::string& task : tasks) {
    text += task.empty() ? "\n" : concat("\n", task, "\n");
    for (const Entry& entry : entries) {
      if (entry.task != task) {
        continue;
      }
      text += line_of(entry.name, entry.help, indent);
      for (const auto& [title, about] : entry.more) {
        if (!only_in_details(title)) {
          const std::string both = concat(title, ": ", about);
          text += std::string(indent, ' ') + wrapped(both, indent + 2) + "\n";
        }
      }
    }
  }
  return text;
}

std::string details(const Topic& topic, const std::string& name) {
  std::vector<std::string> names;
  for (const Entry& entry : topic.entries()) {
    names.push_back(entry.name);
    if (entry.name != name) {
      continue;
    }
    constexpr std::size_t kIndent = 14;
    std::string text = line_to_write(topic, name) + "\n";
    text += line_of("what", entry.help, kIndent);
    if (!entry.task.empty()) {
      text += line_of("for", entry.task, kIndent);
    }
    for (const auto& [title, about] : entry.more) {
      text += line_of(title, about, kIndent);
    }
    text += !entry.parameters.empty() ? "parameters and their defaults\n"
            : topic.listed            ? ""
                                      : "no parameters\n";
    std::size_t indent = 0;
    for (const ParameterSpec& spec : entry.parameters) {
      indent = std::max(indent, spec.name.size() + value_text(spec).size() + 7);
    }
    for (const ParameterSpec& spec : entry.parameters) {
      text += line_of(concat(spec.name, " = ", value_text(spec)), spec.help, indent);
    }
    return text;
  }
  const std::string hint = training::nearest(name, names);
  fail(ErrorCode::kInvalidArgument, "'", name, "' is none of the ", topic.name,
       hint.empty() ? concat(" (", join(names, ", "), ")") : concat("; did you mean ", hint, "?"));
}

int run(const Arguments& arguments) {
  const std::string& wanted = arguments.positional(0);
  if (wanted == kKeysTopic) {
    std::fputs(recipe_key_lines(arguments.positional(1)).c_str(), stdout);
    return 0;
  }
  std::vector<std::string> names = {kKeysTopic};
  for (const Topic& topic : topics()) {
    names.push_back(topic.name);
    if (topic.name == wanted) {
      const std::string& name = arguments.positional(1);
      const std::string text = name.empty() ? overview(topic) : details(topic, name);
      std::fputs(text.c_str(), stdout);
      return 0;
    }
  }
  const std::string hint = training::nearest(wanted, names);
  fail(ErrorCode::kInvalidArgument, "there is no help on '", wanted, "', but on ",
       join(names, ", "), hint.empty() ? "" : concat("; did you mean ", hint, "?"),
       " (temper --help lists the commands)");
}

}  // namespace

Command help_command() {
  return {
      "help",
      "which losses, optimizers, schedules and metrics there are; what a recipe may say",
      "temper help losses lists them by task; temper help losses focal shows one with its "
      "parameters.\ntemper help keys lists all keys of a recipe, temper help keys train those of "
      "one table, with types and defaults.\n"
      "temper help man [COMMAND] writes a manual page (| man -l -), temper help completions bash, "
      "zsh or fish a script for the shell.",
      {{"TOPIC", "losses, optimizers, schedules, metrics, keys, man or completions"},
       {"NAME", "one of them; of keys a table, of man a command, of completions a shell", false}},
      {},
      run};
}

}  // namespace temper::cli
