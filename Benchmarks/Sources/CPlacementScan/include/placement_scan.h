// The placement decision as a good C program makes it: one scan over columns.
//
// It keeps what the scheduler keeps: for each set of rules the points that do not change with load
// (latency, distance, data locality), with the filters of architecture, features and longest latency
// folded in. Given that, one decision is one pass over all nodes with the worst that is still wanted as
// a threshold; another only when the fault domains of what was chosen used up what the pass found.
#ifndef PLACEMENT_SCAN_H
#define PLACEMENT_SCAN_H

#include <stdint.h>

typedef struct {
  double latency, distance, resources, data_locality, fault_domain;
} scan_weights;

// Columns of nodes; `count` of each.
typedef struct {
  int32_t count;
  int32_t domain_count;
  // Degrees; not a number when unknown.
  double *latitude, *longitude;
  // Points on the unit sphere, filled in by scan_place.
  double *x, *y, *z;
  int32_t *zone;
  int32_t *domain;
  // Bits of what a node runs and offers.
  uint64_t *offers;
  // Bytes.
  int64_t *memory, *free;
  double *per_byte;
  // Share of the CPU, 0 to 1.
  double *idle;
  uint8_t *closed;
  // The order of the names.
  int32_t *name_rank;
  // Scratch: 1 taken, 2 holder; placements by domain.
  uint8_t *marks;
  int32_t *placements;
} scan_fleet;

// The rules of a deployment, and what they make of every node.
typedef struct {
  scan_weights weights;
  double latitude, longitude;
  int32_t zone;
  // -1 for none; the data is in this zone.
  int32_t data_zone;
  uint64_t needs;
  // Nanoseconds, by row, as measured from the origin's zone; negative when not measured. May be null.
  const int64_t *measured;
  // By row: points; negative when it may not run it. Filled in by scan_prepare.
  double *standing;
  // By row: the share of them that the proximity is, 0 to 1.
  double *proximity;
} scan_rules;

typedef struct {
  int64_t memory;
  int32_t wanted;
  const int32_t *excluded, *companions, *holders;
  int32_t excluded_count, companion_count, holder_count;
} scan_request;

#define SCAN_MOST 64

typedef struct {
  int32_t count;
  int32_t rows[SCAN_MOST];
  double proximity_score, resource_score, data_locality_score, fault_domain_score;
} scan_decision;

// Fills in x, y and z.
void scan_place(scan_fleet *fleet);

// Fills in standing and proximity.
void scan_prepare(const scan_fleet *fleet, scan_rules *rules);

void scan_decide(
    scan_fleet *fleet, const scan_rules *rules, const scan_request *request,
    scan_decision *decision);

#endif
