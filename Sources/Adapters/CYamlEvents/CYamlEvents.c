#include "CYamlEvents.h"

#include <stdlib.h>

#include "yaml.h"

struct yaml_events {
  yaml_parser_t parser;
  // The event handed out last: its bytes are lent to the caller.
  yaml_event_t event;
};

yaml_events_t *yaml_events_open(const uint8_t *bytes, size_t length) {
  yaml_events_t *events = calloc(1, sizeof *events);
  if (events == NULL) return NULL;
  if (!yaml_parser_initialize(&events->parser)) {
    free(events);
    return NULL;
  }
  yaml_parser_set_encoding(&events->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&events->parser, bytes, length);
  return events;
}

void yaml_events_close(yaml_events_t *events) {
  yaml_event_delete(&events->event);
  yaml_parser_delete(&events->parser);
  free(events);
}

static yaml_events_event_t failure(const yaml_parser_t *parser) {
  return (yaml_events_event_t){
      .kind = YAML_EVENTS_FAILED,
      .line = parser->problem_mark.line,
      .column = parser->problem_mark.column,
      .problem = parser->problem,
      .context = parser->context,
      .context_line = parser->context_mark.line,
  };
}

yaml_events_event_t yaml_events_next(yaml_events_t *events) {
  yaml_event_t *event = &events->event;
  yaml_event_delete(event);
  if (!yaml_parser_parse(&events->parser, event)) return failure(&events->parser);

  yaml_events_event_t result = {
      .line = event->start_mark.line,
      .column = event->start_mark.column,
  };
  switch (event->type) {
    case YAML_NO_EVENT:
      return failure(&events->parser);
    case YAML_STREAM_START_EVENT:
      result.kind = YAML_EVENTS_STREAM_START;
      break;
    case YAML_STREAM_END_EVENT:
      result.kind = YAML_EVENTS_STREAM_END;
      break;
    case YAML_DOCUMENT_START_EVENT:
      result.kind = YAML_EVENTS_DOCUMENT_START;
      break;
    case YAML_DOCUMENT_END_EVENT:
      result.kind = YAML_EVENTS_DOCUMENT_END;
      break;
    case YAML_ALIAS_EVENT:
      result.kind = YAML_EVENTS_ALIAS;
      break;
    case YAML_SCALAR_EVENT:
      result.kind = YAML_EVENTS_SCALAR;
      result.value = event->data.scalar.value;
      result.length = event->data.scalar.length;
      result.quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
      result.anchored = event->data.scalar.anchor != NULL;
      result.tagged = event->data.scalar.tag != NULL;
      break;
    case YAML_SEQUENCE_START_EVENT:
      result.kind = YAML_EVENTS_SEQUENCE_START;
      result.anchored = event->data.sequence_start.anchor != NULL;
      result.tagged = event->data.sequence_start.tag != NULL;
      break;
    case YAML_SEQUENCE_END_EVENT:
      result.kind = YAML_EVENTS_SEQUENCE_END;
      break;
    case YAML_MAPPING_START_EVENT:
      result.kind = YAML_EVENTS_MAPPING_START;
      result.anchored = event->data.mapping_start.anchor != NULL;
      result.tagged = event->data.mapping_start.tag != NULL;
      break;
    case YAML_MAPPING_END_EVENT:
      result.kind = YAML_EVENTS_MAPPING_END;
      break;
  }
  return result;
}
