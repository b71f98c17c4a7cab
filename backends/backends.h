// Makes a backend from a device's name: the only file that names all backends.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/backend/backend.h"

namespace temper {

// What "auto" stands for, and why; every other name stands for itself.
struct DeviceChoice {
  std::string device;
  std::string why;  // empty where nothing was chosen
  // Of the device, where it had to be opened for the choice.
  std::unique_ptr<Backend> opened = {};

  // For people: which and why; empty where nothing was chosen.
  std::string note() const;
};

// "auto" is the first GPU where there is one, else the CPU. THROWS: kDevice when there is a GPU
// that fails.
DeviceChoice choose_device(std::string_view device);

// The names that this build knows.
std::vector<std::string> device_names();

// "cpu", "reference", "cuda" or "cuda:1"; in builds for tests also "cuda-emulated"; "auto". THROWS:
// kInvalidArgument for a name that is no device, kUnsupported saying what the device lacks here.
std::unique_ptr<Backend> make_backend(std::string_view device);
// That of the choice; a device that is open is not opened again.
std::unique_ptr<Backend> make_backend(DeviceChoice choice);

}  // namespace temper
