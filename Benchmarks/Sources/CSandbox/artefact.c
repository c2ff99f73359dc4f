#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

enum { mark_length = 32 };

// OpenSSL's, which has this machine's instructions: what a C program would take.
typedef unsigned char *hmac_function(
    const void *kind, const void *key, int key_length, const unsigned char *bytes, size_t length,
    unsigned char *mark, unsigned int *mark_length);

static void authenticate(
    const uint8_t *key, size_t key_length, const uint8_t *bytes, size_t length, uint8_t *mark) {
  static hmac_function *hmac;
  static const void *sha256;
  if (!hmac) {
    void *library = dlopen("libcrypto.so.3", RTLD_NOW);
    if (!library) cs_fail("libcrypto.so.3 cannot be loaded (Debian: libssl3)", NULL);
    const void *(*kind)(void) = (const void *(*)(void))dlsym(library, "EVP_sha256");
    hmac = (hmac_function *)dlsym(library, "HMAC");
    if (!kind || !hmac) cs_fail("libcrypto.so.3 has no HMAC", NULL);
    sha256 = kind();
  }
  unsigned int made = mark_length;
  if (!hmac(sha256, key, (int)key_length, bytes, length, mark, &made)) cs_fail("no HMAC", NULL);
}

void cs_artefact_keep(cs_module *module, const char *path, const uint8_t *key, size_t key_length) {
  wasm_byte_vec_t code;
  cs_check("serializing", wasmtime_module_serialize(module->module, &code));
  uint8_t mark[mark_length];
  authenticate(key, key_length, code.data, code.size, mark);
  FILE *file = fopen(path, "w");
  if (!file || fwrite(mark, 1, mark_length, file) != mark_length
      || fwrite(code.data, 1, code.size, file) != code.size || fclose(file) != 0)
    cs_fail("the artefact cannot be written", NULL);
  wasm_byte_vec_delete(&code);
}

static bool run_file(
    cs_engine *engine, const char *path, const uint8_t *key, size_t key_length) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  struct stat facts;
  if (file < 0 || fstat(file, &facts) != 0 || facts.st_size <= mark_length)
    cs_fail("the artefact cannot be read", NULL);
  uint8_t *bytes = malloc((size_t)facts.st_size);
  if (read(file, bytes, (size_t)facts.st_size) != facts.st_size) cs_fail("it is cut off", NULL);
  close(file);
  uint8_t mark[mark_length];
  const uint8_t *code = bytes + mark_length;
  size_t length = (size_t)facts.st_size - mark_length;
  authenticate(key, key_length, code, length, mark);
  if (memcmp(mark, bytes, mark_length) != 0) cs_fail("it is not ours", NULL);
  wasmtime_module_t *compiled;
  cs_check("loading", wasmtime_module_deserialize(engine->library, code, length, &compiled));
  free(bytes);
  cs_module *module = cs_module_link(engine, compiled, cs_way_fiber);
  uint8_t output[4096];
  cs_guest guest = {.input = (const uint8_t *)"", .output = output, .capacity = sizeof output};
  bool is_well = cs_run_one(module, &guest);
  cs_module_delete(module);
  return is_well;
}

size_t cs_artefact_run(
    cs_engine *engine, const char *path, const uint8_t *key, size_t key_length, size_t count,
    int64_t *times) {
  size_t failed = 0;
  for (size_t index = 0; index < count; index++) {
    int64_t start = cs_clock();
    if (!run_file(engine, path, key, key_length)) failed++;
    times[index] = cs_clock() - start;
  }
  return failed;
}
