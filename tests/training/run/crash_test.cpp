// Kills, full disks and file size limits: what was saved stays good, and the run goes on from it
// with the same bits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <temper_test_paths.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <sstream>
#include <thread>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/sha256.h"
#include "training/records/checkpoint.h"

extern char** environ;

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

// The program run_recipe with its output in a file.
class Child {
 public:
  Child(const Lines& arguments, const std::string& output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    const std::string program = std::string(TEMPER_BUILD_DIR) + "/run_recipe";
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    const int error =
        posix_spawn(&process_, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      ADD_FAILURE() << program << ": " << std::strerror(error);
      process_ = -1;
    }
  }
  ~Child() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      wait();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool has_ended() {
    if (process_ > 0 && ::waitpid(process_, &status_, WNOHANG) == process_) {
      process_ = -1;
    }
    return process_ < 0;
  }
  int signal(int number) { return ::kill(process_, number); }
  void kill() {
    ::kill(process_, SIGKILL);
    wait();
  }
  void wait() {
    if (process_ > 0) {
      ::waitpid(process_, &status_, 0);
      process_ = -1;
    }
  }
  int exit_code() const {
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }

 private:
  pid_t process_ = -1;
  int status_ = 0;
};

class Crash : public testing::Test {
 protected:
  Crash() { make_files(8); }

  void make_files(std::int64_t hidden) {
    TinyModel model;
    model.hidden = hidden;
    write_tiny_model(folder_.path("tiny.onnx"), model);
    write_tiny_data(folder_.path("train.npz"), 38, 5, {17});
    write_tiny_data(folder_.path("val.npz"), 10, 6);
  }

  // The settings of tiny_recipe() and some more, as the child takes them.
  Lines lines(const std::string& out, const Lines& more = {}) const {
    Lines all = {"model.path=\"" + folder_.path("tiny.onnx") + "\"",
                 "data.train=\"" + folder_.path("train.npz") + "\"",
                 "data.val=\"" + folder_.path("val.npz") + "\"",
                 "train.out=\"" + out + "\"",
                 "loss.name=\"cross_entropy\"",
                 "schedule.name=\"cosine\"",
                 "train.threads=1",
                 "data.batch_size=4",
                 "train.epochs=3",
                 "log.every=1",
                 "log.tensorboard=false"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  static Recipe recipe(const Lines& lines) {
    RecipeSources sources;
    sources.overrides = lines;
    return read_recipe(sources);
  }

  // "STEPS HASH HASH" of a run to its end.
  std::string output() const { return read_bytes(folder_.path("output")); }
  static std::string line_of(const RunRecord& record) {
    Sha256 log;
    log.update(record.log);
    return std::to_string(record.result.steps) + " " + record.variables + " " + log.finish() + "\n";
  }

  TempFolder folder_;
};

// A name for a new folder on a file system in memory, or `otherwise`.
struct MemoryFolder {
  explicit MemoryFolder(std::string otherwise) : path(std::move(otherwise)) {
    if (::access("/dev/shm", W_OK) == 0) {
      path = "/dev/shm/temper-test-" + std::to_string(::getpid());
    }
  }
  ~MemoryFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST_F(Crash, FiftyKillsAtCallsThatChangeFilesLeaveARunThatEndsWithTheSameBits) {
  const Lines often = {"checkpoint.every=1", "checkpoint.keep=2", "train.epochs=6"};
  // A kill does not care for the disk, and most of the time would be its.
  const MemoryFolder memory(folder_.path("run"));
  const std::string& out = memory.path;
  const auto run_to = [&](std::int64_t call) {
    Lines arguments = lines(out, often);
    arguments.insert(arguments.begin(), {"--kill-at", std::to_string(call)});
    if (std::filesystem::exists(out)) {
      arguments.insert(arguments.begin(), "--resume");
    }
    Child child(arguments, folder_.path("output"));
    child.wait();
    return child.exit_code();
  };
  const auto hashes = [&] { return output().substr(0, output().find('\n')); };
  ASSERT_EQ(run_to(0), 0) << output();
  const std::string expected = hashes();
  ASSERT_TRUE(expected.starts_with("60 ")) << expected;
  const std::int64_t calls = std::stoll(output().substr(expected.size()));
  ASSERT_GT(calls, 60) << "a checkpoint after each step changes files";
  std::filesystem::remove_all(out);

  Session session(recipe(lines(out, often)));
  session.engine().prepare(session.requests());
  std::mt19937 random(2024);
  // A quarter of the run at most, so that it is killed several times on its way, and often while it
  // begins or goes on.
  std::uniform_int_distribution<std::int64_t> any(1, calls / 4), early(1, 80);
  int kills = 0, ends = 0, checkpoints = 0;
  while (kills < 50) {
    const std::int64_t last = kills % 3 == 0 ? early(random) : any(random);
    SCOPED_TRACE(testing::Message() << "kill " << kills << " at call " << last);
    const int code = run_to(last);
    if (code == 0) {  // it had less than that to do
      ASSERT_EQ(hashes(), expected) << "after " << kills << " kills";
      std::filesystem::remove_all(out);
      ++ends;
      continue;
    }
    ASSERT_EQ(code, 128 + SIGKILL) << output();
    ++kills;
    if (!std::filesystem::exists(out)) {
      continue;
    }
    std::vector<std::string> notes;
    const auto state = load_newest_checkpoint(
        out, notes, [&](const RunState&) -> VariableStore& { return session.engine().store(); });
    EXPECT_TRUE(notes.empty()) << notes.front();
    checkpoints += state.has_value() ? 1 : 0;
  }
  EXPECT_GT(checkpoints, 10);
  EXPECT_EQ(run_to(0), 0) << output();
  EXPECT_EQ(hashes(), expected);
  std::printf("calls: %lld, kills: %d, of these with a checkpoint: %d; ends: %d\n",
              static_cast<long long>(calls), kills, checkpoints, ends + 1);
}

TEST_F(Crash, SigtermSavesAndSays75) {
  // Longer than any test waits.
  const Lines long_run = {"train.epochs=10000000", "checkpoint.every=100000000", "log.every=1000",
                          "train.eval_every=100000000"};
  const std::string out = folder_.path("run");
  Child child(lines(out, long_run), folder_.path("output"));
  while (!child.has_ended() && !std::filesystem::exists(out + "/metrics.jsonl")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_TRUE(std::filesystem::exists(out + "/metrics.jsonl")) << output();
  ASSERT_EQ(child.signal(SIGTERM), 0);
  child.wait();
  EXPECT_EQ(child.exit_code(), 75) << output();
  Session session(recipe(lines(out, long_run)));
  session.engine().prepare(session.requests());
  std::vector<std::string> notes;
  EXPECT_TRUE(load_newest_checkpoint(out, notes, [&](const RunState&) -> VariableStore& {
                return session.engine().store();
              }).has_value());
}

// A small file system of its own.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    std::filesystem::create_directory(path);
    error_ = ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=2m") == 0 ? 0 : errno;
  }
  ~SmallDisk() {
    if (error_ == 0) {
      ::umount2(path_.c_str(), MNT_DETACH);
    }
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  int error() const { return error_; }

 private:
  std::string path_;
  int error_ = 0;
};

TEST_F(Crash, AFullDiskInMidRunCostsOnlyWhatCouldNotBeWritten) {
  make_files(2000);
  const Lines often = {"checkpoint.every=1", "checkpoint.keep=100"};
  const RunRecord whole = run_tiny(recipe(lines(folder_.path("whole"), often)), false);
  const SmallDisk disk(folder_.path("disk"));
  if (disk.error() != 0) {
    GTEST_SKIP() << "a tmpfs cannot be mounted here: " << std::strerror(disk.error());
  }
  const std::string out = folder_.path("disk/run");
  Lines watched = often;
  watched.push_back("log.tensorboard=true");
  const RunRecord full = run_tiny(recipe(lines(out, watched)), false);
  EXPECT_EQ(full.result.outcome, RunOutcome::kSaveFailed);
  EXPECT_EQ(full.result.steps, whole.result.steps);  // training went on
  EXPECT_EQ(full.variables, whole.variables);
  bool said = false;
  for (const std::string& message : full.messages) {
    said = said || message.find("could not save") != std::string::npos;
  }
  EXPECT_TRUE(said);
  // Nothing half-written is left, and with some room the run goes on from the last good checkpoint.
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(out + "/checkpoints")) {
    names.push_back(entry.path().filename());
    EXPECT_TRUE(names.back().starts_with("step-")) << names.back();
  }
  std::sort(names.begin(), names.end());
  ASSERT_GT(names.size(), 2U);
  ASSERT_LT(names.back(), "step-000000000030");
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    std::filesystem::remove_all(out + "/checkpoints/" + names[i]);
  }
  const RunRecord resumed =
      run_tiny(recipe(lines(out, {"checkpoint.every=1", "checkpoint.keep=1"})), true);
  EXPECT_EQ(resumed.result.outcome, RunOutcome::kFinished);
  EXPECT_EQ(resumed.losses.size(), 30U - std::stoul(names.back().substr(5)));
  EXPECT_EQ(resumed.variables, whole.variables);
  EXPECT_EQ(resumed.log, whole.log);
  EXPECT_EQ(resumed.last_model, whole.last_model);
}

TEST_F(Crash, AFileSizeLimitIsAnErrorOfTheWriteNotTheEnd) {
  make_files(2000);
  const std::string out = folder_.path("run");
  const Lines often = {"checkpoint.every=1"};
  const RunRecord whole = run_tiny(recipe(lines(folder_.path("whole"), often)), false);
  run_tiny(recipe(lines(out, often)), false,
           [](const StepView& view) { return view.progress.step == 7; });
  Lines arguments = lines(out, often);
  arguments.insert(arguments.begin(), {"--resume", "--file-limit", "40000"});
  Child limited(arguments, folder_.path("output"));
  limited.wait();
  EXPECT_EQ(limited.exit_code(), 4) << output();
  EXPECT_TRUE(output().starts_with("30 " + whole.variables)) << output();
  Child free(lines(out, {"checkpoint.every=1", "--resume"}), folder_.path("output"));
  free.wait();
  EXPECT_EQ(free.exit_code(), 0) << output();
  EXPECT_EQ(output(), line_of(whole));
}

}  // namespace
}  // namespace temper::training
