/* What the examples share: ending with what a status says, arrays as DLPack tensors, and random
 * numbers that are the same everywhere. */
#pragma once

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <temper/temper.h>

static const temper_api* api;

/* Asks the library for the version that this program was compiled for. */
static inline void need_api(void) {
  api = temper_get_api(TEMPER_API_VERSION);
  if (api == NULL) {
    fprintf(stderr, "this program needs another version of libtemper_c\n");
    exit(1);
  }
}

static inline void need(temper_status* status) {
  if (status != NULL) {
    fprintf(stderr, "error %d: %s\n%s\n", (int)api->status_code(status),
            api->status_message(status), api->status_hint(status));
    api->status_free(status);
    exit(1);
  }
}

static inline void need_true(int holds, const char* what) {
  if (!holds) {
    fprintf(stderr, "this does not hold: %s\n", what);
    exit(1);
  }
}

static inline DLTensor floats(float* data, int64_t* shape, int32_t ndim) {
  DLTensor tensor = {0};
  tensor.data = data;
  tensor.device.device_type = kDLCPU;
  tensor.ndim = ndim;
  tensor.dtype.code = kDLFloat;
  tensor.dtype.bits = 32;
  tensor.dtype.lanes = 1;
  tensor.shape = shape;
  return tensor;
}

static inline DLTensor labels(int64_t* data, int64_t* shape) {
  DLTensor tensor = floats(NULL, shape, 1);
  tensor.data = data;
  tensor.dtype.code = kDLInt;
  tensor.dtype.bits = 64;
  return tensor;
}

/* From 0 to 1. */
static inline float uniform(uint64_t* state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (float)(*state >> 40) / (float)(1 << 24);
}
