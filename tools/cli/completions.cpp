#include "tools/cli/completions.h"

#include <algorithm>
#include <string_view>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/losses/loss.h"
#include "training/metrics/metric_spec.h"
#include "training/optimizers/optimizer.h"
#include "training/recipe/recipe_keys.h"
#include "training/schedules/schedule.h"

namespace temper::cli {
namespace {

struct Candidate {
  std::string word;
  std::string about;
};
using Candidates = std::vector<Candidate>;

template <class Components>
void add_components(const Components& components, const std::string& prefix, Candidates& found) {
  for (const auto& component : components) {
    found.push_back({prefix + component.name, component.help});
  }
}

// The tensors of the first model among the words that can be read.
void add_tensors(const std::vector<std::string>& words, const std::string& prefix,
                 Candidates& found) {
  for (const std::string& word : words) {
    const std::string path = word.substr(word.find('=') == word.npos ? 0 : word.find('=') + 1);
    if (!path.ends_with(".onnx") || !file_status(path).is_regular) {
      continue;
    }
    std::vector<graph::TensorDecision> decisions;
    try {
      graph::OnnxModel::load(path).build_graph(graph::standard_ops(), {}, &decisions);
    } catch (const Error&) {
      // What was read before it is offered.
    }
    for (const graph::TensorDecision& tensor : decisions) {
      if (tensor.is_variable) {
        found.push_back({prefix + tensor.name, concat(tensor.file_type, tensor.shape)});
      }
    }
    return;
  }
}

// KEY=VALUE, the key so far or with its '='.
void add_settings(const std::vector<std::string>& words, Candidates& found) {
  const std::string& last = words.back();
  const std::size_t sign = last.find('=');
  if (sign == last.npos) {
    for (const training::RecipeKey& key : training::recipe_key_table()) {
      found.push_back({key.name + "=", key.help});
    }
    return;
  }
  const std::string key = last.substr(0, sign), prefix = last.substr(0, sign + 1);
  if (key == "loss.name") {
    add_components(training::losses(), prefix, found);
  } else if (key == "optimizer.name") {
    add_components(training::optimizers(), prefix, found);
  } else if (key == "schedule.name") {
    add_components(training::schedules(), prefix, found);
  } else if (key == "model.freeze" || key == "model.trainable") {
    add_tensors(words, prefix, found);
  } else {
    const training::RecipeKey* known = training::find_recipe_key(key);
    if (known != nullptr && known->is_path) {
      found.push_back({kFilesCandidate, ""});
    }
  }
}

bool takes_settings(const Command& command) {
  return std::any_of(command.positionals.begin(), command.positionals.end(),
                     [](const PositionalSpec& spec) { return spec.name.ends_with("KEY=VALUE"); });
}

void add_help_topics(const std::vector<Command>& commands, const std::vector<std::string>& words,
                     Candidates& found) {
  if (words.size() == 2) {
    for (const char* topic :
         {"losses", "optimizers", "schedules", "metrics", "keys", "man", "completions"}) {
      found.push_back({topic, ""});
    }
  }
  const std::string& topic = words[1];
  if (words.size() == 2 || topic == "man") {
    for (const Command& command : commands) {
      found.push_back({command.name, command.summary});
    }
  } else if (topic == "losses") {
    add_components(training::losses(), "", found);
  } else if (topic == "optimizers") {
    add_components(training::optimizers(), "", found);
  } else if (topic == "schedules") {
    add_components(training::schedules(), "", found);
  } else if (topic == "metrics") {
    for (const training::MetricSpec& metric : training::metric_specs()) {
      found.push_back({metric.name, metric.help});
    }
  } else if (topic == "keys") {
    for (const training::RecipeTable& table : training::recipe_tables()) {
      found.push_back({table.name, table.help});
    }
  } else if (topic == "completions") {
    for (const char* shell : {"bash", "zsh", "fish"}) {
      found.push_back({shell, ""});
    }
  }
}

void add_of_command(const Command& command, const std::vector<std::string>& words,
                    Candidates& found) {
  const std::string& last = words.back();
  const std::string& before = words[words.size() - 2];
  const auto option = std::find_if(
      command.options.begin(), command.options.end(),
      [&](const OptionSpec& spec) { return spec.name == before && !spec.value.empty(); });
  if (option != command.options.end()) {
    if (option->value == "PATTERN") {
      add_tensors(words, "", found);
    } else if (option->name == "--loss") {
      add_components(training::losses(), "", found);
    } else if (option->name == "--optimizer") {
      add_components(training::optimizers(), "", found);
    } else {
      found.push_back({kFilesCandidate, ""});
    }
    return;
  }
  if (last.starts_with("-")) {
    for (const OptionSpec& spec : command.options) {
      found.push_back({spec.name, spec.help});
    }
    found.push_back({"--help", "what the command takes"});
    return;
  }
  // A word with a '/' before any '=' is a path; an empty one may be both, but is rather a file.
  const bool is_path = last.substr(0, last.find('=')).find('/') != last.npos;
  if (takes_settings(command) && !last.empty() && !is_path) {
    add_settings(words, found);
  }
  if (last.find('=') == last.npos) {
    found.push_back({kFilesCandidate, ""});
  }
}

constexpr const char* kBash =
    R"sh(# bash completion of temper, by: temper help completions bash
_temper() {
  local line=${COMP_LINE:0:COMP_POINT} words found word
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local last=${words[-1]}
  # What bash takes for a word of its own begins behind these characters.
  local before=${last%"${last##*[=:]}"}
  COMPREPLY=()
  mapfile -t found < <("${words[0]}" help complete "${words[@]:1}" 2>/dev/null)
  for word in "${found[@]}"; do
    if [[ $word == :files ]]; then
      compopt -o default
      continue
    fi
    word=${word%%$'\t'*}
    [[ $word == *= ]] && compopt -o nospace
    COMPREPLY+=("${word#"$before"}")
  done
}
complete -F _temper temper
)sh";

constexpr const char* kZsh = R"sh(#compdef temper
# zsh completion of temper, by: temper help completions zsh
_temper() {
  local line word
  local -a names shown open
  local typed=("${(@)words[2,CURRENT]}")
  local found=$("${words[1]}" help complete "${typed[@]}" 2>/dev/null)
  for line in "${(@f)found}"; do
    word=${line%%$'\t'*}
    if [[ $word == :files ]]; then
      _files
    elif [[ $word == *= ]]; then
      open+=("$word")
    elif [[ -n $word ]]; then
      names+=("$word")
      shown+=("${line/$'\t'/  }")
    fi
  done
  (( ${#open} )) && compadd -S '' -- "${open[@]}"
  (( ${#names} )) && compadd -l -d shown -- "${names[@]}"
}
compdef _temper temper
)sh";

constexpr const char* kFish = R"sh(# fish completion of temper, by: temper help completions fish
function __temper_complete
    set -l typed (commandline -opc)
    set -l last (commandline -ct)
    for line in ($typed[1] help complete $typed[2..-1] "$last" 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$last"
        else
            echo $line
        end
    end
end
complete -c temper -f -a "(__temper_complete)"
)sh";

}  // namespace

std::string completion_candidates(const std::vector<Command>& commands,
                                  const std::vector<std::string>& words) {
  Candidates found;
  const std::string last = words.empty() ? "" : words.back();
  if (words.size() <= 1) {
    for (const Command& command : commands) {
      found.push_back({command.name, command.summary});
    }
    found.push_back({"--help", "the commands"});
    found.push_back({"--version", "the version; with --json what this build is"});
  } else if (words.front() == "help") {
    add_help_topics(commands, words, found);
  } else {
    const auto command = std::find_if(commands.begin(), commands.end(),
                                      [&](const Command& each) { return each.name == words[0]; });
    if (command != commands.end()) {
      add_of_command(*command, words, found);
    }
  }
  std::string text;
  for (const Candidate& candidate : found) {
    if (candidate.word == kFilesCandidate || candidate.word.starts_with(last)) {
      text += candidate.about.empty() ? candidate.word + "\n"
                                      : concat(candidate.word, "\t", candidate.about, "\n");
    }
  }
  return text;
}

std::string completion_script(const std::string& shell) {
  if (shell == "bash") {
    return kBash;
  }
  if (shell == "zsh") {
    return kZsh;
  }
  TEMPER_CHECK(shell == "fish", ErrorCode::kInvalidArgument,
               shell.empty() ? "completions of which shell" : concat("'", shell, "' is no shell"),
               ": temper help completions bash, zsh or fish");
  return kFish;
}

}  // namespace temper::cli
