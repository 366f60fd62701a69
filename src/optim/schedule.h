/* Private. What schedules tell of themselves. */
#ifndef BOWLINE_OPTIM_SCHEDULE_H
#define BOWLINE_OPTIM_SCHEDULE_H

#include "bowline/schedule.h"

/* What makes no sense in a schedule; NULL when all does. */
const char *bl__schedule_complaint(const bl_schedule *schedule);

#endif
