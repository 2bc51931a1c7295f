"""French for the refusals of files, by code. English pages show the domain's own sentence."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

IMPORT_SENTENCES = {
    "mapped_twice": _("Two columns are one field. Keep one and choose another field, or “not used”, for the rest."),
    "needs_email": _("A file of contacts needs a column of e-mail addresses. Choose it in the list."),
    "needs_reference": _("This file needs a column of customer references or addresses. Choose it in the list."),
    "needs_day": _("This file needs a column of dates. Choose it in the list."),
    "needs_amount": _("This file needs a column of amounts. Choose it in the list."),
    "reserved_name": _("This name belongs to a field of our own: name the trait otherwise."),
    "no_preview": _("The columns are not looked at yet: wait a moment."),
    "no_plan": _("Say first what the columns are."),
    "read_otherwise": _("The columns were seen in another reading: have the file read again first."),
    "upload_not_whole": _("This file is not whole yet: send the rest first."),
    "upload_in_use": _("An import needs this file: stop the import first."),
    "upload_whole": _("This upload takes no more bytes."),
    "damaged_piece": _("This piece was damaged on its way: send it again."),
    "too_large": _("The file is larger than what is taken here."),
    "empty_file": _("The file is empty."),
    "no_room": _("The file cannot be stored at the moment."),
    "unknown_encoding": _("There is no such encoding here."),
    "unknown_separator": _("There is no such separator here."),
    "no_email_column": _("The file has no column of e-mail addresses: name it in the list of columns."),
    "no_purchase_column": _("A column is missing: the customer, the date or the amount. Name it in the list."),
    "no_contacts": _("This base has no contacts yet: import them first."),
    "foreign_currency": _("These purchases are in another currency: amounts are kept in euros only."),
    "not_a_table": _("This is no table that can be read: export it as CSV, Excel or Parquet."),
    "no_header": _("The first line holds no column names."),
    "no_rows": _("The file holds column names and no rows."),
    "too_many_columns": _("The file has too many columns: keep those that you use."),
    "archive_bomb": _("This archive grows beyond measure when it is unpacked: it is not read."),
    "damaged_archive": _("This archive is damaged or cut short."),
    "several_files": _("The archive holds several files: send one."),
    "locked_file": _("The file is locked with a password."),
    "bad_reference": _("Give the customer reference as it stands in your files."),
    "no_question": _("There is no such question, or it is over an hour old: ask again."),
    "no_reason": _("Say why: the owner reads it."),
    "decided_already": _("This column has its verdict already."),
    "no_upload": _("There is no such file."),
    "import_ended": _("This import cannot be stopped any more."),
}
