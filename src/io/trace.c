/* Profiles as traces: Chrome's trace events, which Perfetto reads too. */
#include "bowline/profile.h"
#include "graph/context.h"

#include <errno.h>
#include <string.h>

/* ---- strings ---- */

/* The length of the well-formed UTF-8 character at `text`, which is not ASCII; 0 when it is none. */
static int character(const unsigned char *text)
{
    static const unsigned char least[] = {0, 0, 0xc2, 0xe0, 0xf0}, most[] = {0, 0, 0xdf, 0xef, 0xf4};
    int length = 2;
    while (length <= 4 && (text[0] < least[length] || text[0] > most[length]))
        length++;
    if (length > 4)
        return 0;
    for (int i = 1; i < length; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] > 0x9f, beyond = text[0] == 0xf4 && text[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

/* A JSON string; what is no UTF-8 becomes U+FFFD. */
static void write_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int length = *c < 0x80 ? 1 : character(c);
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < ' ')
            fprintf(file, "\\u%04x", *c);
        else if (length == 0)
            fputs("\\ufffd", file);
        else
            fwrite(c, 1, (size_t)length, file);
        c += length > 0 ? length : 1;
    }
    fputc('"', file);
}

static void write_argument(FILE *file, const char *key, const char *text)
{
    if (!text)
        return;
    fprintf(file, ",\"%s\":", key);
    write_string(file, text);
}

/* ---- events ---- */

/* Nanoseconds in microseconds, the unit of traces. */
static void write_time(FILE *file, const char *key, int64_t nanoseconds)
{
    fprintf(file, ",\"%s\":%lld.%03lld", key, (long long)(nanoseconds / 1000),
            (long long)(nanoseconds % 1000));
}

/* One event, unless the last run did not get that far. */
static void write_event(FILE *file, const bl_profile_record *record, const char *category)
{
    const bl_instruction_info *info = &record->instruction;
    if (record->last_begin == 0)
        return;
    fputs(",\n{\"name\":", file);
    write_string(file, info->op);
    fprintf(file, ",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":1", category);
    write_time(file, "ts", record->last_begin);
    write_time(file, "dur", record->last_nanoseconds);
    fprintf(file, ",\"args\":{\"flops\":%lld,\"bytes_read\":%lld,\"bytes_written\":%lld",
            (long long)info->flops, (long long)info->bytes_read, (long long)info->bytes_written);
    write_argument(file, "label", info->label);
    write_argument(file, "scope", info->scope);
    write_argument(file, "file", info->file);
    if (info->file)
        fprintf(file, ",\"line\":%d", info->line);
    fputs("}}", file);
}

static void write_events(const bl_program *program, FILE *file)
{
    bl_profile_record record = bl_profile_run(program);
    size_t count = bl_program_instruction_count(program);
    fputs("[\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":1,\"args\":{\"name\":\"bowline\"}}",
          file);
    write_event(file, &record, "run");
    for (size_t i = 0; i <= count; i++) {
        record = bl_profile_instruction(program, i);
        write_event(file, &record, i < count ? "instruction" : "commit");
    }
    fputs("\n]\n", file);
}

bl_status bl_profile_write_trace(const bl_program *program, FILE *file)
{
    if (!program)
        return BL_ERR_ARGUMENT;
    const bl__program_head *head = (const void *)program;
    if (!head->valid) {
        bl__report_again(head->context, &head->error);
        return head->error.code;
    }
    if (!file)
        return bl__report(head->context, NULL, BL_ERR_ARGUMENT, "profile_write_trace", NULL,
                          "the file is NULL");
    if (bl_profile_instruction(program, 0).last_begin == 0) /* the first step of any run */
        return bl__report(head->context, NULL, BL_ERR_STATE, "profile_write_trace", NULL, "no run was timed");
    write_events(program, file);
    if (fflush(file) != 0 || ferror(file))
        return bl__report(head->context, NULL, BL_ERR_IO, "profile_write_trace", NULL,
                          "the trace could not be written: %s", strerror(errno));
    return BL_OK;
}
