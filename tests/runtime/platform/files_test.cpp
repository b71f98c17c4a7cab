// Atomic writing, bounded reading, mapping, and opening below a folder.
#include "runtime/platform/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "runtime/base/error.h"
#include "runtime/memory/buffer.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/scratch_file.h"
#include "runtime/platform/signals.h"
#include "tests/runtime/platform/temporary_folder.h"

namespace temper {
namespace {

// The message of the kIo error that `action` throws; "" when it throws none.
template <class Action>
std::string io_message(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    return error.message();
  }
  return {};
}

void write_plain(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(AtomicFile, AppearsOnlyAtCommit) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.onnx");
  AtomicFile file(path);
  file.write("half ");
  EXPECT_FALSE(file_status(path).exists);
  file.write("whole");
  file.commit();
  EXPECT_EQ(read_text_file(path, 100), "half whole");
  EXPECT_EQ(list_directory(folder.path()), std::vector<std::string>{"model.onnx"});
}

TEST(AtomicFile, WithoutCommitLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  write_plain(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
  }
  EXPECT_EQ(read_text_file(path, 100), "old");
  EXPECT_EQ(list_directory(folder.path()).size(), 1u);
}

TEST(AtomicFile, TakesANameThatFollowsFromItsContent) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder.file("out"));
    file.write("text");
    file.commit_as(folder.file("out-4"));
    EXPECT_EQ(file.path(), folder.file("out-4"));
  }
  EXPECT_EQ(read_text_file(folder.file("out-4"), 100), "text");
  EXPECT_EQ(list_directory(folder.path()), (std::vector<std::string>{"out-4"}));
}

TEST(ReadAt, GivesTheAskedBytesOrSaysThatTheFileIsCut) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "0123456789");
  std::uint64_t bytes = 0;
  const FileDescriptor file = open_file(folder.file("a"), bytes);
  EXPECT_EQ(bytes, 10u);
  std::array<std::byte, 3> out{};
  read_at(file, 7, out, "a");
  EXPECT_EQ(out, (std::array{std::byte{'7'}, std::byte{'8'}, std::byte{'9'}}));
  EXPECT_NE(io_message([&] { read_at(file, 8, out, "a"); }).find("ends at byte 10"),
            std::string::npos);
  EXPECT_NE(io_message([&] { open_file(folder.path(), bytes); }), "");
}

TEST(ScratchFile, HoldsWhatIsWrittenAndHasNoName) {
  const TemporaryFolder folder;
  ScratchFile file(folder.path());
  file.write(std::as_bytes(std::span("0123456789", 10)));
  file.write(std::as_bytes(std::span("ab", 2)));
  EXPECT_EQ(file.bytes(), 12u);
  std::array<char, 4> out{};
  file.read(8, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(std::string(out.data(), out.size()), "89ab");
  EXPECT_TRUE(list_directory(folder.path()).empty());
  EXPECT_NE(io_message([&] { ScratchFile(folder.file("missing")); }), "");
}

TEST(AtomicFile, ReservedBytesThatAreNotWrittenAreCutOff) {
  const TemporaryFolder folder;
  AtomicFile file(folder.file("a"));
  file.reserve(1000);
  file.write("12345");
  file.commit();
  EXPECT_EQ(file_status(folder.file("a")).size, 5u);
}

TEST(AtomicFile, AtTheSizeLimitFailsAndKeepsTheOldFile) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  write_plain(path, "old");
  const StopSignals ignores_sigxfsz;
  rlimit former{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &former), 0);
  rlimit tight = former;
  tight.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string message =
      io_message([&] { write_file_atomically(path, std::string(100'000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &former);
  EXPECT_NE(message.find(path), std::string::npos) << message;
  EXPECT_NE(message.find("ulimit -f"), std::string::npos) << message;
  EXPECT_EQ(read_text_file(path, 100), "old");
  EXPECT_EQ(list_directory(folder.path()).size(), 1u);
}

TEST(AtomicFile, IntoAMissingFolderNamesThePath) {
  const TemporaryFolder folder;
  const std::string path = folder.file("missing/a");
  const std::string message = io_message([&] { write_file_atomically(path, "x"); });
  EXPECT_NE(message.find(path), std::string::npos) << message;
  EXPECT_NE(message.find("No such file or directory"), std::string::npos) << message;
}

TEST(Files, AFullDiskIsSaidPlainly) {
  EXPECT_NE(io_message([] { fail_io("write", "a", ENOSPC); }).find("the disk is full"),
            std::string::npos);
}

TEST(AppendFile, RefusesDevices) {
  EXPECT_NE(io_message([] { AppendFile("/dev/null"); }).find("device"), std::string::npos);
}

TEST(AppendFile, ContinuesAtTheKeptLength) {
  const TemporaryFolder folder;
  const std::string path = folder.file("metrics.jsonl");
  AppendFile(path).write("one\ntwo\nthree\n");
  AppendFile log(path, 8);
  log.write("four\n");
  EXPECT_EQ(read_text_file(path, 100), "one\ntwo\nfour\n");
  EXPECT_EQ(log.size(), 13u);
  EXPECT_NE(io_message([&] { AppendFile(path, 14); }).find("13 bytes"), std::string::npos);
}

TEST(ReadFile, RefusesWhatIsLargerThanAllowed) {
  const TemporaryFolder folder;
  write_plain(folder.file("a"), "12345");
  EXPECT_EQ(read_file(folder.file("a"), 5).size(), 5u);
  EXPECT_NE(io_message([&] { read_file(folder.file("a"), 4); }).find("5 bytes"), std::string::npos);
}

TEST(ReadFile, RefusesFoldersAndPipesWithoutBlocking) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  EXPECT_NE(io_message([&] { read_file(folder.file("pipe"), 9); }).find("a named pipe"),
            std::string::npos);
  EXPECT_NE(io_message([&] { read_file(folder.path(), 9); }).find("a folder"), std::string::npos);
}

TEST(ReadFile, ReadsSystemFilesThatReportNoSize) {
  EXPECT_NE(read_text_file("/proc/self/status", 1 << 20).find("VmSize"), std::string::npos);
}

TEST(MappedFile, ShowsTheBytesAndOwnsABuffersMemory) {
  const TemporaryFolder folder;
  write_plain(folder.file("a"), "weights");
  std::shared_ptr<Buffer> buffer;
  {
    auto file = std::make_shared<const MappedFile>(folder.file("a"));
    buffer = Buffer::wrap(file->writable_data_for_views(), file->size(), file);
  }
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(buffer->data()), buffer->bytes()), "weights");
}

TEST(MappedFile, OfAnEmptyFileIsEmpty) {
  const TemporaryFolder folder;
  write_plain(folder.file("a"), "");
  EXPECT_TRUE(MappedFile(folder.file("a")).bytes().empty());
}

class OpenBeneath : public testing::Test {
 protected:
  void SetUp() override {
    make_directories(folder_.file("model/sub"));
    write_plain(folder_.file("secret"), "secret");
    write_plain(folder_.file("model/w.data"), "weights");
    ASSERT_EQ(::symlink("../secret", folder_.file("model/file_link").c_str()), 0);
    ASSERT_EQ(::symlink("..", folder_.file("model/folder_link").c_str()), 0);
    ASSERT_EQ(::mkfifo(folder_.file("model/pipe").c_str(), 0600), 0);
  }

  std::string refusal(const std::string& relative) {
    return io_message([&] { open_beneath(folder_.file("model"), relative); });
  }

  TemporaryFolder folder_;
};

TEST_F(OpenBeneath, OpensFilesInsideByAnySpelling) {
  for (const char* path : {"w.data", "./w.data", "sub/../w.data"}) {
    const MappedFile file(open_beneath(folder_.file("model"), path), path);
    EXPECT_EQ(file.size(), 7u) << path;
  }
}

TEST_F(OpenBeneath, RefusesEveryWayOut) {
  for (const char* path : {"../secret", "/etc/passwd", "sub/../../secret", "file_link",
                           "folder_link/secret", "folder_link/model/../secret"}) {
    EXPECT_NE(refusal(path).find("outside the folder"), std::string::npos)
        << path << ": " << refusal(path);
  }
}

TEST_F(OpenBeneath, RefusesPipesFoldersAndMissingFiles) {
  EXPECT_NE(refusal("pipe").find("a named pipe"), std::string::npos);
  EXPECT_NE(refusal("sub").find("a folder"), std::string::npos);
  EXPECT_NE(refusal("nothing").find("No such file"), std::string::npos);
  EXPECT_NE(refusal("").find("empty path"), std::string::npos);
}

TEST(EscapesRoot, JudgesTheTextAlone) {
  EXPECT_TRUE(escapes_root("/a"));
  EXPECT_TRUE(escapes_root(".."));
  EXPECT_TRUE(escapes_root("a/../../b"));
  EXPECT_FALSE(escapes_root("a/../b"));
  EXPECT_FALSE(escapes_root("..a/b"));
}

}  // namespace
}  // namespace temper
