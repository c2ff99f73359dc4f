// The events of one YAML text, read with the libyaml that the package Yams carries.
//
// Yams itself composes whole trees: by recursion, resolving aliases, and hashing mapping keys that
// may be trees themselves. A hostile text makes that deep or slow, and a repeated key hides every
// other problem of the file. Events let the reader of manifests stop where it wants to.
#ifndef WASMATRIX_C_YAML_EVENTS_H
#define WASMATRIX_C_YAML_EVENTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct yaml_events yaml_events_t;

typedef enum {
  YAML_EVENTS_FAILED,
  YAML_EVENTS_STREAM_START,
  YAML_EVENTS_STREAM_END,
  YAML_EVENTS_DOCUMENT_START,
  YAML_EVENTS_DOCUMENT_END,
  YAML_EVENTS_ALIAS,
  YAML_EVENTS_SCALAR,
  YAML_EVENTS_SEQUENCE_START,
  YAML_EVENTS_SEQUENCE_END,
  YAML_EVENTS_MAPPING_START,
  YAML_EVENTS_MAPPING_END,
} yaml_events_kind_t;

typedef struct {
  yaml_events_kind_t kind;
  // Where it begins, or where reading failed; from 0. Columns count Unicode scalars.
  size_t line;
  size_t column;
  // Of a scalar: its bytes, valid until the next call. They may hold NUL.
  const uint8_t *value;
  size_t length;
  // Of a scalar: not 0 unless it stands plain, without quotes and block marks.
  int quoted;
  // Not 0 when the text gives an anchor or a tag.
  int anchored;
  int tagged;
  // Of a failure: what is wrong, and within what; NULL when unknown.
  const char *problem;
  const char *context;
  size_t context_line;
} yaml_events_event_t;

// Begins to read UTF-8 bytes, which must stay where they are until yaml_events_close.
// NULL when there is no memory.
yaml_events_t *yaml_events_open(const uint8_t *bytes, size_t length);

// The next event. After a failure or the end of the stream it must not be called again.
yaml_events_event_t yaml_events_next(yaml_events_t *events);

void yaml_events_close(yaml_events_t *events);

#endif
